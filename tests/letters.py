"""A letter's fields, complete and fictitious; tests leave out or replace what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rtbf.notice.fields import Erased, Kept, Later, LetterFields, Material, ModelClaim, ProofLine, Reason, Remaining, Unsearched, Untold
from rtbf.notice.render import Letter, render
from rtbf.vault.secret import Secret

BERLIN = ZoneInfo("Europe/Berlin")
CLAIM = "The model is statistically equivalent on F1. This is evidence, not proof."
COMMITMENT = "sha256:" + "ab" * 32
NONCE = "cd" * 16

FULL = LetterFields(
    ticket_id="tkt_9f3a61c2d4e5b708",
    regime="eu-gdpr",
    written_at=datetime(2026, 3, 2, 13, 0, tzinfo=BERLIN),
    controller_name="Example Language Lab",
    controller_contact="privacy@example.org",
    authority_name="Example Authority",
    received_on=date(2026, 2, 27),
    deadline_on=date(2026, 3, 27),
    new_deadline_on=date(2026, 5, 27),
    delay_code="justifications:ComplexityOfProcess",
    explanation=Secret("Four datasets hold the data."),
    withdrawn_on=date(2026, 3, 1),
    doubt=Secret("The address is not the one of the account."),
    identity_code=Secret("K7QM-2D4X"),
    identity_effect="suspends",
    expires_at=datetime(2026, 3, 5, 13, 0, tzinfo=BERLIN),
    reasons=(Reason(code="eu-gdpr:JustificationA17LegalClaims", explanation=Secret("A case is pending.")),),
    erased=(Erased(name="letters-2025", remedy="delete_records", count=12), Erased(name="support-7b", remedy="unlearn_approx")),
    kept=(Kept(name="invoices-2024", code="eu-gdpr:JustificationA17LegallyRequired", explanation=Secret("Tax law wants them.")),),
    later=(Later(name="support-7b", remedy="retrain_exact", on=date(2026, 9, 1), owner="model team"),),
    claims=(ModelClaim(model="support-7b", guarantee_class="approximate", sentence=CLAIM),),
    residuals=(Remaining(name="nightly-backups", reason="backup_retention", due_on=date(2026, 6, 5), owner="operations"),),
    searched=("letters-2025", "forum-2024"),
    not_searched=(Unsearched(name="images-2023", reason="holds pictures"),),
    about_others=0,
    recipients_told=2,
    recipients_untold=(Untold(name="mirror-7", explanation=Secret("It was dissolved.")),),
    proof=(ProofLine(number=1, kind="email", commitment=COMMITMENT, nonce=Secret(NONCE)),),
    suppressed=True,
    shred_on=date(2026, 7, 6),
    sells_or_shares=True,
    recipient_name="Example Mirror Ltd",
    materials=(Material(kind="dataset", name="letters-2025", record_ids=("r-18", "r-77")),),
    suppression_export="https://example.org/suppression/7.jsonl",
    reply_by=date(2026, 3, 16),
)


def letter(kind: str, locale: str = "en", **changes: Any) -> Letter:
    """Return a letter of complete fields, with `changes`."""
    return render(kind, locale, replace(FULL, **changes))


def told(kind: str, locale: str = "en", **changes: Any) -> str:
    """Return subject and body of such a letter with all white space as single spaces, so that line breaks do not matter."""
    made = letter(kind, locale, **changes)
    return " ".join(f"{made.subject} {made.body.reveal()}".split())
