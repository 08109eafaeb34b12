"""A method's qualification: what a trial on planted people found, signed by the installation, and whether it speaks for a plan.

It speaks for runs of the same method code with the same settings, on a model of the same family and about the same size, for
180 days. Settings are what a person set; what the method proposes from the records at hand follows from its code, which is
pinned. Proves that the holder of this installation's report key issued these numbers. Does not prove that the trial was run as
it says, that people and models of a trial are like those of a ticket, nor anything about one ticket's records.
Source: PROTOCOL §2 (small subjects); specs/verification/09_statistics.md §9.6 (two layers).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import InvalidSignature

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.errors import SignatureRefused
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.evidence.dsse import open_envelope, pae, sign_envelope
from rtbf.evidence.keys import REPORT_SIGNER, key_id
from rtbf.evidence.shape import read_shape
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.trust_file import public_key
from rtbf.files import make_private_folder, place_file_once
from rtbf.plan.card import code_digest, method_card, parse_parameters
from rtbf.plan.record import Qualification

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.evidence.trust_file import Trust
    from rtbf.home import Home
    from rtbf.plan.request import PlanRequest

SCHEMA: Literal["rtbf.qualification/1"] = "rtbf.qualification/1"
PAYLOAD_TYPE = "application/vnd.rtbf.qualification+json"
VALID_DAYS = 180
SIZE_FACTOR = 10
"""A trial says nothing about models more than this many times larger or smaller: a working default of ours."""

MAX_BYTES = 1 << 20
_SUFFIX = ".dsse.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class QualifiedProbe:
    """What one probe found with every planted subject as one unit; numbers are decimal text, None where there is none."""

    probe_id: str
    role: str
    status: str
    reason: str | None
    units: int
    estimate: str | None
    low: str | None
    high: str | None
    margin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How many of the subjects ended so, judged one by one, with the ends of the 95 % Clopper–Pearson interval.

    outcome   "PASS" · "FAIL" · "FAIL, trace" (a part of FAIL) · "INCONCLUSIVE" · "PASS if qualified": as a ticket would that leans on this
    """

    outcome: str
    subjects: int
    low: str
    high: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The statement that is signed. `ends_on` is the last day on which it counts.

    settings      what a person set: parameters of the method, merge, brake and max_steps, by name
    parameters    every parameter as the trial ran with it, those proposed from the records included
    ticket_sizes  records of a subject → how many subjects had as many
    remembered    mean answer probability of the planted records before unlearning
    """

    schema: Literal["rtbf.qualification/1"]
    method: str
    method_digest: str
    settings: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    model_family: str
    model_parameters: int
    recipe: tuple[tuple[str, str], ...]
    recipe_digest: str
    controls: int
    subjects: int
    records: int
    ticket_sizes: tuple[tuple[int, int], ...]
    remembered: str
    profile: str
    seed: int
    steps: int
    stop_reason: str
    status: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    class_awarded: str
    codes: tuple[str, ...]
    probes: tuple[QualifiedProbe, ...]
    shares: tuple[Share, ...]
    software: tuple[tuple[str, str], ...]
    made_at: str
    ends_on: str
    does_not_cover: tuple[str, ...]

    @property
    def is_qualified(self) -> bool:
        """Return whether the method passed: all planted subjects as one ticket, class approximate."""
        return self.status == "PASS" and self.class_awarded == "approximate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """The run for which a qualification is sought."""

    method: str
    method_digest: str
    settings: tuple[tuple[str, str], ...]
    model_family: str | None
    model_parameters: int
    has_controls: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A signed trial as it is kept: its digest and what it says, after its signature was checked."""

    digest: str
    trial: Trial


def sought_for(request: PlanRequest, *, model_family: str | None, model_parameters: int, has_controls: bool) -> Sought:
    """Return what a plan by `request` seeks; raises what `parse_parameters` does."""
    return Sought(
        method=request.named_method,
        method_digest=code_digest("method", request.named_method),
        settings=settings_of(request),
        model_family=model_family,
        model_parameters=model_parameters,
        has_controls=has_controls,
    )


def family_of(folder: Path) -> str | None:
    """Return the model family that a model folder's configuration names; None where it names none."""
    try:
        named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None
    return named if isinstance(named, str) else None


def settings_of(request: PlanRequest) -> tuple[tuple[str, str], ...]:
    """Return what a person set, in one plain form and sorted; merge, brake and max_steps are always among them."""
    parsed = dict(parse_parameters(method_card(request.named_method), request.parameters))
    named = {name: parsed[name] for name in request.parameters}
    loop = {"merge": _yes_no(request.is_merged), "brake": _yes_no(request.is_braked), "max_steps": str(request.max_steps)}
    return tuple(sorted((named | loop).items()))


def last_day(made_at: datetime) -> str:
    """Return the last day on which a trial made then counts."""
    return (made_at + timedelta(days=VALID_DAYS)).date().isoformat()


def is_in_date(ends_on: str, now: datetime) -> bool:
    """Return whether a qualification still counts on the day of `now` (UTC), its last day included."""
    return rfc3339(now)[:10] <= ends_on


def sign_trial(trial: Trial, key: Ed25519PrivateKey) -> bytes:
    """Return the DSSE envelope of a trial."""
    return canonical_bytes(sign_envelope(key, key_id(key.public_key()), canonical_bytes(trial), payload_type=PAYLOAD_TYPE))


def keep_trial(home: Home, envelope: bytes) -> Path:
    """Write a signed trial into the home, under its digest, and return where."""
    folder = _folder(home)
    make_private_folder(folder)
    path = folder / f"{digest_bytes(envelope).removeprefix('sha256:')}{_SUFFIX}"
    place_file_once(path, envelope)
    return path


def read_trial(raw: bytes, trust: Trust) -> Trial:
    """Return a signed trial after its signature was checked; raises SignatureRefused for anything that must not be believed."""
    try:
        opened = open_envelope(read_strict_json(raw, MAX_BYTES))
        if opened.payload_type != PAYLOAD_TYPE or len(opened.signatures) != 1:
            raise ValueError(f"a document of type {opened.payload_type[:60]} with {len(opened.signatures)} signature(s)")
        signer, signature = opened.signatures[0]
        entry = next((entry for entry in trust.keys if entry.id == signer and entry.role == REPORT_SIGNER), None)
        if entry is None:
            raise ValueError("a signature by a key that is no report signer of the trust file")
        if entry.revoked_at is not None:
            raise ValueError("a signature by a key that was revoked")
        public_key(entry).verify(signature, pae(opened.payload_type, opened.payload))
        trial = read_shape(Trial, read_strict_json(opened.payload, MAX_BYTES))
        made_at = parse_rfc3339(trial.made_at)
        is_in_window = parse_rfc3339(entry.not_before) <= made_at and (entry.not_after is None or made_at <= parse_rfc3339(entry.not_after))
        if not is_in_window or trial.ends_on > last_day(made_at):
            raise ValueError("a day of making outside of the key's window, or a last day further off than a qualification lasts")
    except InvalidSignature:
        raise _refused("a signature that does not fit these bytes") from None
    except ValueError as unfit:
        raise _refused(str(unfit)) from None
    return trial


def kept_trials(home: Home, trust: Trust) -> tuple[Kept, ...]:
    """Return every trial of this home, newest first; raises SignatureRefused when one of them must not be believed."""
    kept = []
    for path in sorted(_folder(home).glob(f"*{_SUFFIX}")):
        raw = path.read_bytes()
        digest = digest_bytes(raw)
        if path.name != f"{digest.removeprefix('sha256:')}{_SUFFIX}":
            raise _refused(f"the file {path.name[:16]}…, which is not what its name says")
        kept.append(Kept(digest=digest, trial=read_trial(raw, trust)))
    return tuple(sorted(kept, key=lambda one: (one.trial.made_at, one.digest), reverse=True))


def newest_qualification(home: Home, trust: Trust, sought: Sought, now: datetime) -> Qualification | None:
    """Return the newest trial of the method that speaks for the sought run, else the newest with the reason why it does not.

    Of trials on the same method, settings and kind of model the newest decides, also when it is the one that failed. None when
    the method was never tried. Raises SignatureRefused for a kept file that must not be believed.
    """
    tried = [one for one in kept_trials(home, trust) if one.trial.method == sought.method]
    if not tried:
        return None
    fitting = [one for one in tried if _misfit(one.trial, sought) is None]
    chosen = (fitting or tried)[0]
    why_not = _misfit(chosen.trial, sought)
    if why_not is None and not chosen.trial.is_qualified:
        why_not = f"the trial ended in {chosen.trial.status}: the method did not qualify"
    lapsed = "" if is_in_date(chosen.trial.ends_on, now) else f"; it lapsed after {chosen.trial.ends_on}"
    return Qualification(
        digest=chosen.digest,
        ends_on=chosen.trial.ends_on,
        covers=why_not is None,
        reason=(why_not or f"same method, settings and family; {chosen.trial.subjects} planted subjects") + lapsed,
    )


def _misfit(trial: Trial, sought: Sought) -> str | None:
    """Return why a trial does not speak for the sought run, or None."""
    if trial.method_digest != sought.method_digest:
        return "the method's code has changed since"
    if trial.settings != sought.settings:
        differing = sorted({name for name, _ in set(trial.settings) ^ set(sought.settings)})
        return f"other settings: {', '.join(differing)}"
    if trial.model_family != sought.model_family:
        return f"tried on {trial.model_family}, the model is of family {sought.model_family or 'unknown'}"
    small, large = sorted((trial.model_parameters, sought.model_parameters))
    if large > SIZE_FACTOR * small:
        return f"tried on {trial.model_parameters} parameters, the model has {sought.model_parameters}: more than {SIZE_FACTOR} times apart"
    if not sought.has_controls:
        return "tried with control models, which set where unlearning stops; this plan has none"
    return None


def _yes_no(value: bool) -> str:  # noqa: FBT001 - private
    return "yes" if value else "no"


def _folder(home: Home) -> Path:
    return home.path / "qualifications"


def _refused(found: str) -> SignatureRefused:
    return SignatureRefused(
        found=f"a method's qualification with {found}",
        expected="a file that `rtbf method qualify` of this installation wrote, unchanged, by a report key in its window",
        remedy="remove the file from the home's folder `qualifications`, and qualify the method again",
    )


def described(trial: Trial) -> dict[str, object]:
    """Return the statement as plain values, for machine output."""
    return dataclasses.asdict(trial)
