"""Get time-stamps for envelopes: when a report is issued, and again for reports that went out without one.

A report whose statement says that an authority was asked is good without the token; with it, its date no longer rests on
our own clock. Order: the event is committed before the token's file appears, and the file never replaces another. So the
token beside an envelope is always one that an event names; after a crash, or when two ran at once, an event may name a
token that nobody has, which shows nothing and harms nothing.
Refuses: to stamp an envelope that is not the one that was issued, and tokens that do not verify under the configured roots.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, RTBFError, TimeStampUnavailable
from rtbf.evidence.dsse import open_envelope
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.timestamp import http_post, read_time_stamp, request_time_stamp
from rtbf.files import place_file_once
from rtbf.pipeline.moves import note
from rtbf.report.bundle import ENVELOPE_NAME, TOKEN_NAME
from rtbf.report.record import Report
from rtbf.store.actors import actor_id_for
from rtbf.store.records import all_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.installation import Installation

_PATIENCE = 3
"""Failures in a row after which the rest waits for the next time: each may last as long as the time set for an answer."""


def ask_time_stamp(installation: Installation, content: bytes, post: Callable[[str, bytes, int], bytes] = http_post) -> bytes:
    """Return the configured authority's token for `content`, verified under the configured roots where there are any.

    Raises TimeStampUnavailable for whatever goes wrong, also when no authority is configured; ExtraMissing without
    rfc3161-client.
    """
    if installation.tsa_url is None:
        raise TimeStampUnavailable(found="no time-stamping authority", expected="its address", remedy="set RTBF_TSA_URL")
    token = request_time_stamp(content, installation.tsa_url, installation.tsa_timeout_s, post)
    if installation.tsa_roots:
        try:
            read_time_stamp(token, content, installation.tsa_roots)
        except ValueError as refused:
            raise TimeStampUnavailable(
                found=str(refused), expected="a token under the roots of RTBF_TSA_ROOTS_FILE", remedy="look at RTBF_TSA_URL and the roots"
            ) from None
    return token


def stamp_reports(installation: Installation, actor: str, post: Callable[[str, bytes, int], bytes] = http_post) -> int:
    """Ask again for every issued report that wants a token and has none; return how many got one.

    Each gets an event `report.stamped` with the report's id and the token's SHA-256. Nothing is asked without a configured
    authority. The last error is raised after the other reports had their turn, or after three failures in a row.
    """
    if installation.tsa_url is None:
        return 0
    with installation.transaction() as session:
        reports = all_records(session, Report)
    stamped, in_a_row = 0, 0
    trouble: RTBFError | None = None
    for report in reports:
        try:
            stamped += _stamp(installation, report, actor, post)
            in_a_row = 0
        except RTBFError as failed:
            trouble, in_a_row = failed, in_a_row + 1
        if in_a_row == _PATIENCE:
            break
    if trouble is not None:
        raise trouble
    return stamped


def _stamp(installation: Installation, report: Report, actor: str, post: Callable[[str, bytes, int], bytes]) -> int:
    folder = installation.home.report_of(report.ticket_id, report.report_id)
    envelope_file = folder / ENVELOPE_NAME
    # Reports of earlier versions lie in other folders; none of them was promised a token.
    if (folder / TOKEN_NAME).exists() or not envelope_file.exists():
        return 0
    envelope = envelope_file.read_bytes()
    if hashlib.sha256(envelope).hexdigest() != report.envelope_sha256:
        raise ArtefactMismatch(
            found=f"an envelope of {report.report_id} that is not the one issued",
            expected=f"sha256:{report.envelope_sha256}",
            remedy="restore the home's reports from a backup; nothing was stamped",
        )
    if not _is_asked(envelope):
        return 0
    token = ask_time_stamp(installation, envelope, post)
    now = installation.clock()
    with installation.transaction() as session:
        data = {"report": report.report_id, "token": hashlib.sha256(token).hexdigest()}
        note(session, report.ticket_id, "report.stamped", actor_id_for(session, actor, now), now, data)
    return int(place_file_once(folder / TOKEN_NAME, token))


def _is_asked(envelope: bytes) -> bool:
    """Return whether the statement says that an authority was asked. The bytes are our own: their digest was checked."""
    payload = open_envelope(read_strict_json(envelope, len(envelope))).payload
    asked = read_strict_json(payload, len(payload))["predicate"].get("time_stamp")
    return bool(asked == "asked")
