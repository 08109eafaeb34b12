"""Gather from the store what a letter says, and write it: dates from the clock, reasons from the vault, claims from the verdict.

Holds no words of its own: roles, doubts and gaps are looked up in the locale's table, so that a German letter is German.
Nobody's name stands in a letter but the organisation's and its recipients': an owner is told by role. What was not
recorded stops the letter (LetterIncomplete); nothing is put in its place.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rtbf.clock import parse_rfc3339
from rtbf.errors import BadInput, LetterIncomplete
from rtbf.footprint.record import Footprint
from rtbf.notice.fields import LetterFields, Reason, Unsearched
from rtbf.notice.render import render
from rtbf.notice.wording import find_wording
from rtbf.pipeline.clock import calendar_of, clock_of
from rtbf.pipeline.outcome_fields import erased_and_claims, kept_items, proof_lines, remaining_items, told_fields
from rtbf.store.identifiers import open_identifiers
from rtbf.store.identity import EXPIRED, FAILED, OPEN, identity_checks
from rtbf.store.records import latest_record
from rtbf.store.regimes import kept_regime
from rtbf.ticket.codes import require_code, require_extension_code
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required
from rtbf.vault.secret import Secret
from rtbf.vault.suppression import entries_for

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.notice.fields import Material
    from rtbf.notice.render import Letter
    from rtbf.pipeline.identity import Asked
    from rtbf.store.tables import IdentityCheckRow, TicketRow
    from rtbf.ticket.working_days import Calendar

MAX_TEXT = 20_000
_MIN_LETTERS = 3
_CODE = re.compile(r"[a-z][a-z_]*")
_TAKES_CODE = frozenset({"refusal", "extension"})
_TAKES_TEXT = frozenset({"refusal", "extension", "unverified"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a letter is told beside the ticket's records: the officer's code and words, the identity check, the recipient."""

    code: str | None = None
    text: Secret | None = None
    asked: Asked | None = None
    recipient_name: str | None = None
    materials: tuple[Material, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One ticket as its letters see it at `now`. `words`: the locale's plain words, group → code → words."""

    session: Session
    installation: Installation
    row: TicketRow
    ticket: Ticket
    calendar: Calendar
    now: datetime
    words: dict[str, dict[str, str]]

    def word(self, group: str, code: str) -> str:
        """Return the plain words for a code; raises LetterIncomplete when the locale has none."""
        found = self.words.get(group, {}).get(code)
        if found is None:
            raise LetterIncomplete(
                found=f"no words for {group}.{code} in the locale's table",
                expected="plain words for every code that a letter names",
                remedy="add them to locale.yaml (docs/howto/write-a-notice.md)",
            )
        return found

    def day(self, instant: datetime) -> date:
        """Return the civil day of an instant where the ticket's days are counted."""
        return self.calendar.civil_date(instant)


def checked_said(ticket: Ticket, kind: str, code: str | None, text: Secret | None) -> Said:
    """Return code and words as this kind takes them, the code by its full name.

    Raises BadInput for a code the regime does not know, words where none are taken, and words that are missing or unreadable.
    """
    if code is not None and kind not in _TAKES_CODE:
        raise BadInput(found=f"a code for a letter of kind '{kind}'", expected="none", remedy="leave --code out")
    if text is not None and (kind not in _TAKES_TEXT or (kind == "refusal" and code is None)):
        raise BadInput(
            found=f"words of one's own for a letter of kind '{kind}'{' without a code' if kind == 'refusal' else ''}",
            expected="none: it says what the records say",
            remedy="leave --text out, or name the code that the words explain" if kind == "refusal" else "leave --text out",
        )
    if kind == "extension":
        code = require_extension_code(ticket.regime, code or "").code
    elif code is not None:
        code = require_code(ticket.regime, "refusal", code).code
    if text is None and code is not None:
        raise BadInput(found="a code without words", expected="reasons that the person can follow", remedy="give them with --text")
    return Said(code=code, text=None if text is None else readable(text))


def readable(text: Secret) -> Secret:
    """Return an officer's words in NFC; raises BadInput for none, too many, and characters that no letter can carry."""
    words = unicodedata.normalize("NFC", text.reveal()).strip()
    if len(words) > MAX_TEXT or sum(character.isalpha() for character in words) < _MIN_LETTERS:
        raise BadInput(
            found=f"a text of {len(words)} characters", expected=f"words, at most {MAX_TEXT} characters", remedy="write it for the person"
        )
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\r\t" for character in words):
        raise BadInput(found="a text with control characters", expected="plain text", remedy="remove them")
    return Secret(words)


def write_letter(
    session: Session, installation: Installation, row: TicketRow, kind: str, said: Said, now: datetime, *, locale: str | None = None
) -> Letter:
    """Return the letter of `kind` about a ticket as its records stand; changes nothing.

    `locale` None means the person's own. Raises LetterIncomplete naming the setting or field that is missing,
    TicketShredded when the ticket's key was destroyed, and what `rtbf.notice.render` raises.
    """
    ticket, _ = required(latest_record(session, row.id, Ticket), "ticket", row.id)
    policy = installation.policy
    wanted = locale or ticket.locale
    wording = find_wording(kind, wanted, overrides=policy.letters, default_locale=policy.locale)
    case = Case(
        session=session,
        installation=installation,
        row=row,
        ticket=ticket,
        calendar=calendar_of(ticket),
        now=now,
        words=wording.table.labels,
    )
    return render(kind, wanted, _fields(case, kind, said), overrides=policy.letters, default_locale=policy.locale)


def _fields(case: Case, kind: str, said: Said) -> LetterFields:
    policy = case.installation.policy
    clock = clock_of(case.session, case.row.id, case.now)
    more: dict[str, Any] = {"deadline_on": clock.deadline}
    if kind == "identity_request":
        more |= _identity_fields(case, said)
    elif kind == "extension":
        more |= {"new_deadline_on": clock.extended_deadline, "delay_code": said.code, "explanation": said.text}
    elif kind == "recipient":
        more |= {
            "recipient_name": said.recipient_name,
            "materials": said.materials,
            # A recipient of weights alone has no records to filter.
            "suppression_export": policy.controller_contact if any(part.kind == "dataset" for part in said.materials or ()) else None,
            "reply_by": case.day(case.now + timedelta(days=policy.residual_days)),
        }
    elif kind != "acknowledgement":
        more |= _answer_fields(case, kind, said)
    return LetterFields(
        ticket_id=case.row.id,
        regime=case.ticket.regime,
        written_at=_in_zone(case, case.now),
        controller_name=policy.controller_name,
        controller_contact=policy.controller_contact,
        authority_name=policy.authority_name,
        sells_or_shares=policy.sells_or_shares,
        received_on=case.day(parse_rfc3339(case.ticket.received_at)),
        **more,
    )


def _answer_fields(case: Case, kind: str, said: Said) -> dict[str, Any]:
    """Return the fields of letters that answer the request."""
    # The ticket closes with or after this letter; until then nothing is destroyed, and the letter says so.
    fields: dict[str, Any] = {
        "shred_on": case.day(case.now + timedelta(seconds=case.installation.policy.appeal_s)),
        "suppressed": kind in {"fulfilment", "partial"} and _has_tokens(case),
    }
    if kind == "withdrawal_confirmed":
        return fields | {"withdrawn_on": case.day(case.now)}
    if kind == "unverified":
        return fields | {"explanation": said.text or Secret(case.word("identity_results", _last_result(case)))}
    fields["proof"] = proof_lines(case)
    if kind == "refusal":
        reasons = [Reason(code=item.code, explanation=item.explanation) for item in kept_items(case)]
        own = None if said.code is None or said.text is None else (Reason(code=said.code, explanation=said.text),)
        return fields | {"reasons": own or tuple({(reason.code, reason.explanation.reveal()): reason for reason in reasons}.values())}
    if kind == "no_data":
        return fields | _search_fields(case)
    erased, claims = erased_and_claims(case)
    return fields | told_fields(case) | {
        "erased": erased, "claims": claims, "kept": kept_items(case), "later": (), "residuals": remaining_items(case),
    }  # fmt: skip


def _identity_fields(case: Case, said: Said) -> dict[str, Any]:
    check = _check(case, said)
    clock = clock_of(case.session, case.row.id, case.now)
    # A question that comes too late moves nothing, whatever the regime says of questions (rtbf.ticket.deadline, rules 4 and 5).
    moves = clock.is_suspended or case.now < clock.deadline_at
    effect = kept_regime(case.session, case.ticket.regime_digest).verification_effect if moves else "none"
    code = None if said.asked is None else said.asked.code
    return {
        "doubt": None if check.doubt is None else Secret(case.word("doubts", check.doubt)),
        "identity_code": code,
        "identity_method": None if code is not None else check.method,
        "identity_effect": effect,
        "expires_at": None if check.expires_at is None else _in_zone(case, check.expires_at),
    }


def _check(case: Case, said: Said) -> IdentityCheckRow:
    for check in identity_checks(case.session, case.row.id):
        if said.asked is not None and check.id == said.asked.check_id and check.result == OPEN:
            return check
    raise LetterIncomplete(
        found="no open identity check for this letter",
        expected="the check that was asked for last",
        remedy=f"ask again: `rtbf identify {case.row.id} ask`",
    )


def _last_result(case: Case) -> str:
    """Return how the newest check ended; one that nobody answered is expired when its time is over."""
    checks = identity_checks(case.session, case.row.id)
    return FAILED if checks and checks[-1].result == FAILED else EXPIRED


def _search_fields(case: Case) -> dict[str, Any]:
    footprint, _ = required(latest_record(case.session, case.row.id, Footprint), "footprint", case.row.id)
    kinds = {mark.number: mark.kind for mark in case.ticket.identifiers}
    gaps = [
        Unsearched(
            name=f"{case.word('kinds', kinds[int(gap.name)])} ({gap.name})" if gap.kind == "identifier" else gap.name,
            # A reason is a code of ours, or the words of a locator from elsewhere.
            reason=case.word("gaps", gap.reason) if _CODE.fullmatch(gap.reason) else gap.reason,
        )
        for gap in footprint.not_searched
    ]
    gaps += [
        Unsearched(name=corpus.corpus, reason=f"{case.word('gaps', 'unread')}: {corpus.unread}")
        for corpus in footprint.searched
        if corpus.unread
    ]
    return {
        "searched": tuple(dict.fromkeys(corpus.corpus for corpus in footprint.searched)),
        "not_searched": tuple(gaps),
        # This letter is lawful only where every record found is about somebody else, or none was found.
        "about_others": len(footprint.hits),
    }


def _has_tokens(case: Case) -> bool:
    identifiers = open_identifiers(case.session, case.installation.kek, case.row.id)
    return any(entries_for(identifier, case.installation.policy.phone_region) for identifier in identifiers)


def _in_zone(case: Case, instant: datetime) -> datetime:
    return instant.astimezone(ZoneInfo(case.calendar.time_zone))
