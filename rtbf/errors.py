"""The tree of errors. The branch decides what happens; nobody else does.

    RTBFError
    ├── Refusal    the caller can mend it      CLI exit 1, HTTP 4xx, not retried
    │   ├── UnknownName · BadInput · IllegalMove · StalePlan · FourEyes · TicketBusy · ExtensionRefused
    │   ├── SignatureRefused
    │   ├── TicketChanged · TicketShredded · IdempotencyKeyReused
    │   ├── IdentityRefused · IdentityExpired and IdentityExhausted (both an IdentityRefused)
    │   ├── HomeMissing · HomeExists · SchemaTooNew · SchemaBehind · ExtraMissing
    │   ├── CorpusUnreadable · CorpusChanged · ModelFolderRefused · PlanImpossible · TrainingRestricted
    │   ├── Unauthorised · LetterIncomplete · LetterRefused · SuppressedRecords
    │   ├── WitnessRefused
    │   └── EvidenceRefused            the checker's only error
    ├── Fault      we must mend it             CLI exit 5, HTTP 500, not retried
    │   ├── LedgerBroken · LedgerForked · ArtefactMismatch · RecordBroken · CardBroken · PackBroken · TemplateBroken
    │   ├── KeyDestroyed · KeyUnknown · VaultLocked · VaultBroken · SealBroken · CertificateUnfit
    │   ├── PrivacyRefuted
    │   └── SuppressionKeyUnavailable · SuppressionListUnavailable
    └── Outage     the world will mend it      CLI exit 5, HTTP 503, retried with back-off
        └── DiskFull · DatabaseUnreachable · BrokerUnreachable · MailUnreachable · SubmissionRaced · TimeStampUnavailable

Every message says what was found, what was expected and what to do. No message carries personal data:
ids, counts, field names and file names of the operator only.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RTBFError(Exception):
    """Any trouble this program names. `found`, `expected` and `remedy` are its fields; `code` names the kind."""

    def __init__(self, *, found: str, expected: str, remedy: str) -> None:
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"{found}; expected {expected}; {remedy}")

    @property
    def code(self) -> str:
        """Return the error's kind in kebab case, as the API's problem type and the docs table print it."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(self).__name__).lower()


class Refusal(RTBFError):
    """The caller can mend it."""


class Fault(RTBFError):
    """We must mend it."""


class Outage(RTBFError):
    """The world will mend it: a retry may succeed."""


class UnknownName(Refusal):
    """A ticket, corpus, model, method, probe, locator or connector that does not exist here."""

    def __init__(self, kind: str, name: str, known: Iterable[str], list_command: str) -> None:
        self.kind = kind
        self.name = name
        nearest = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.4)
        near = f"nearest: {', '.join(nearest)}" if nearest else "nothing here has a similar name"
        super().__init__(found=f"{kind} '{name}' is unknown", expected=f"the name of a {kind} ({near})", remedy=f"see `{list_command}`")


class BadInput(Refusal):
    """A value that cannot be taken as it is."""


class IllegalMove(Refusal):
    """A ticket was asked to move where its state does not lead."""


class ExtensionRefused(Refusal):
    """A ticket's deadline cannot be extended, or not any more."""


class StalePlan(Refusal):
    """An approval or a run names a plan that is not the ticket's live one."""


class SignatureRefused(Refusal):
    """A signature is missing, does not fit, or is by a key that does not count here."""


class FourEyes(Refusal):
    """The same actor tried to do two things that two people must do."""


class TicketBusy(Refusal):
    """Another process holds the ticket's lease."""


class TicketChanged(Refusal):
    """The ticket has moved since it was read."""


class TicketShredded(Refusal):
    """The ticket's key was destroyed: what was sealed under it cannot be read any more."""


class IdentityRefused(Refusal):
    """An identity check that is not open, or an answer that is not right."""


class IdentityExpired(IdentityRefused):
    """A one-time code whose time is over, or that was used or replaced by another."""


class IdentityExhausted(IdentityRefused):
    """An identity check that was answered wrongly too often."""


class IdempotencyKeyReused(Refusal):
    """An idempotency key that was used for another submission."""


class HomeMissing(Refusal):
    """There is no rtbf home at the path."""


class HomeExists(Refusal):
    """A home is already there; nothing was changed."""


class SchemaTooNew(Refusal):
    """The database was written by a newer release."""


class SchemaBehind(Refusal):
    """The database needs `rtbf db upgrade` first."""


class ExtraMissing(Refusal):
    """An optional part of the installation is needed for this command."""


class CorpusUnreadable(Refusal):
    """No record of the source could be read."""


class CorpusChanged(Refusal):
    """A shard is not the file that was added."""


class ModelFolderRefused(Refusal):
    """The folder is not a safe, complete causal language model."""


class PlanImpossible(Refusal):
    """No plan can be made from this footprint."""


class TrainingRestricted(Refusal):
    """A model cannot be trained, because open tickets may be about its data (GDPR Art. 18)."""


class Unauthorised(Refusal):
    """The API call carries no valid token."""


class LetterIncomplete(Refusal):
    """A letter needs a value that was not given; it was not written."""


class LetterRefused(Refusal):
    """A letter cannot be delivered to this address, or not by this mail server, however often it is tried."""


class SuppressedRecords(Refusal):
    """A source holds records of people who are kept out of new data."""


class WitnessRefused(Refusal):
    """A witness did not cosign a tree head. `known_size` is the size of the head that it keeps, None where that was not asked."""

    def __init__(self, *, found: str, expected: str, remedy: str, known_size: int | None = None) -> None:
        self.known_size = known_size
        super().__init__(found=found, expected=expected, remedy=remedy)


class EvidenceRefused(Refusal):
    """A report that must not be believed, or that cannot be checked. `step` names the check that refused."""

    def __init__(self, *, step: str, found: str, expected: str, remedy: str) -> None:
        self.step = step
        super().__init__(found=found, expected=expected, remedy=remedy)


class LedgerBroken(Fault):
    """The event chain of a ticket does not hold."""


class LedgerForked(Fault):
    """The database's ledger is shorter than, or no continuation of, one that was signed; nothing was signed."""


class ArtefactMismatch(Fault):
    """A file is not the one its recorded digest names."""


class RecordBroken(Fault):
    """A stored record does not parse, or its digest differs from the one it was stored under."""


class CardBroken(Fault):
    """The CARD of a method, probe, locator or connector is missing or malformed."""


class PackBroken(Fault):
    """A regime pack or the list of codes is missing a key, holds another one, or does not parse."""


class TemplateBroken(Fault):
    """A letter's template or a locale's table is missing or cannot be used."""


class KeyDestroyed(Fault):
    """A key that was destroyed on purpose is asked for; what was sealed under it is gone for everybody."""


class KeyUnknown(Fault):
    """Something names a key that this installation's key files have never held."""


class VaultLocked(Fault):
    """There is no passphrase, or not the one that opens the key file."""


class VaultBroken(Fault):
    """A key file is missing, damaged, half-written, or of an unknown version."""


class SealBroken(Fault):
    """Sealed bytes or a wrapped key do not open: changed, moved, or made under another key."""


class CertificateUnfit(Fault):
    """The certificate of the printed report is not for its key, or has run out."""


class PrivacyRefuted(Fault):
    """A private training's own audit refutes the budget it was to keep; nothing of it is registered."""


class SuppressionKeyUnavailable(Fault):
    """The key of the suppression list cannot be read, so nothing can be checked against it; nothing was let through."""


class SuppressionListUnavailable(Fault):
    """An exported suppression list cannot be believed or used; nothing was let through."""


class DiskFull(Outage):
    """No space left while writing; the step can be run again."""


class DatabaseUnreachable(Outage):
    """The database does not answer."""


class BrokerUnreachable(Outage):
    """Redis does not answer; nothing is lost, tickets wait in the database."""


class MailUnreachable(Outage):
    """The mail server does not answer, or not in a way that a letter may be entrusted to."""


class TimeStampUnavailable(Outage):
    """The time-stamping authority does not answer, or not with a time-stamp of what was sent."""


class SubmissionRaced(Outage):
    """The same submission is being stored in this very moment; trying again gives its answer."""
