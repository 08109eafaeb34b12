"""What each letter must say by law, as literals per kind, locale and regime. A new locale adds its rows here."""

from __future__ import annotations

import hashlib
from typing import Any, get_args

import pytest

from rtbf.notice.fields import ProofLine
from rtbf.notice.record import NOTICE_KINDS
from rtbf.notice.wording import known_locales
from rtbf.ticket.intake import Regime
from rtbf.vault.envelope import commitment
from rtbf.vault.secret import Secret
from tests.letters import CLAIM, COMMITMENT, NONCE, letter, told

RIGHTS = {
    "en": ("right to complain to the supervisory authority", "Example Authority", "right to go to court", "judicial remedy"),
    "de": (
        "Recht, sich bei der Aufsichtsbehörde zu beschweren",
        "Example Authority",
        "Recht, vor Gericht zu gehen",
        "gerichtlicher Rechtsbehelf",
    ),
}
PROOF = {
    "en": ("e-mail address (kind: email)", COMMITMENT, NONCE, "SHA-256(nonce ‖ kind ‖ 0x00 ‖ value)", "copy of the nonces on 6 July 2026"),
    "de": (
        "E-Mail-Adresse (kind: email)",
        COMMITMENT,
        NONCE,
        "SHA-256(nonce ‖ kind ‖ 0x00 ‖ value)",
        "Kopie der nonces vernichten wir am 6. Juli 2026",
    ),
}
OUTCOME = {
    "en": (
        "letters-2025: the records about you were deleted (12 records).",
        "support-7b: the model was changed, with the aim that it no longer gives your records away.",
        "invoices-2024: A law obliges us to keep it (Art. 17(3)(b)). Tax law wants them.",
        "eu-gdpr:JustificationA17LegallyRequired",
        "support-7b, on 1 September 2026: the model, or the part of it that learned from your records, will be trained again without them.",
        "Responsible: model team.",
        f'result class "approximate"): "{CLAIM}"',
        "nightly-backups: backup copies, which stay until they are overwritten. We look at this again on 5 June 2026.",
        "We asked 2 organisations",
        "mirror-7: It was dissolved.",
        "We destroy the key to it on 6 July 2026",
    ),
    "de": (
        "letters-2025: die Einträge über Sie wurden gelöscht (12 Einträge).",
        "support-7b: das Modell wurde verändert, mit dem Ziel, dass es Ihre Einträge nicht mehr preisgibt.",
        "invoices-2024: Ein Gesetz verpflichtet uns, es aufzubewahren (Art. 17 Abs. 3 Buchst. b). Tax law wants them.",
        "eu-gdpr:JustificationA17LegallyRequired",
        "support-7b, am 1. September 2026: das Modell oder der Teil davon, der aus Ihren Einträgen gelernt hat, wird ohne",
        "Zuständig: model team.",
        f'Ergebnisklasse „approximate“): "{CLAIM}"',
        "nightly-backups: Sicherungskopien, die bleiben, bis sie überschrieben werden. Das sehen wir uns am 5. Juni 2026 wieder an.",
        "2 Organisationen",
        "mirror-7: It was dissolved.",
        "Den Schlüssel dazu vernichten wir am 6. Juli 2026",
    ),
}

BLOCKS: dict[tuple[str, str], tuple[str, ...]] = {
    # 11 CCR § 7021(a); GDPR Art. 12(1), (3), (5)
    ("acknowledgement", "en"): ("reached us on 27 February 2026", "our answer by 27 March 2026", "tkt_9f3a61c2d4e5b708", "free of charge"),
    ("acknowledgement", "de"): ("am 27. Februar 2026 bei uns eingegangen", "bis zum 27. März 2026", "tkt_9f3a61c2d4e5b708", "kostenlos"),
    # GDPR Art. 12(6), 5(1)(c)
    ("identity_request", "en"): (
        "The address is not the one of the account.",
        "Art. 12(6)",
        "K7QM-2D4X",
        "valid until 5 March 2026, 13:00 (CET)",
        "We keep no copy of any document.",
        "stands still from today",
    ),
    ("identity_request", "de"): (
        "The address is not the one of the account.",
        "Art. 12 Abs. 6",
        "K7QM-2D4X",
        "gilt bis 5. März 2026, 13:00 (CET)",
        "Wir behalten keine Kopie eines Dokuments.",
        "ruht von heute an",
    ),
    # GDPR Art. 12(3)
    ("extension", "en"): (
        "due by 27 March 2026",
        "our answer by 27 May 2026",
        "unusually complex. Four datasets hold the data.",
        "Art. 12(3)",
        *RIGHTS["en"],
    ),
    ("extension", "de"): (
        "bis zum 27. März 2026 fällig",
        "jetzt bis zum 27. Mai 2026",
        "ungewöhnlich aufwendig. Four datasets hold the data.",
        "Art. 12 Abs. 3",
        *RIGHTS["de"],
    ),
    # GDPR Art. 12(4)
    ("refusal", "en"): ("bring or defend a legal claim (Art. 17(3)(e)). A case is pending.", "LegalClaims", *RIGHTS["en"]),
    ("refusal", "de"): ("durchzusetzen oder abzuwehren (Art. 17 Abs. 3 Buchst. e). A case is pending.", "LegalClaims", *RIGHTS["de"]),
    ("no_data", "en"): ("letters-2025 - forum-2024", "images-2023: holds pictures", "may be there all the same", *RIGHTS["en"]),
    ("no_data", "de"): ("letters-2025 - forum-2024", "images-2023: holds pictures", "kann es trotzdem geben", *RIGHTS["de"]),
    ("unverified", "en"): ("Four datasets hold the data.", "without looking for data", "make it again at any time", *RIGHTS["en"]),
    ("unverified", "de"): ("Four datasets hold the data.", "ohne nach Daten zu suchen", "jederzeit wieder stellen", *RIGHTS["de"]),
    ("partial", "en"): (*OUTCOME["en"], *RIGHTS["en"], *PROOF["en"]),
    ("partial", "de"): (*OUTCOME["de"], *RIGHTS["de"], *PROOF["de"]),
    # GDPR Art. 12(1), 12(3)
    ("fulfilment", "en"): (*OUTCOME["en"], *RIGHTS["en"], *PROOF["en"]),
    ("fulfilment", "de"): (*OUTCOME["de"], *RIGHTS["de"], *PROOF["de"]),
    ("withdrawal_confirmed", "en"): ("on 1 March 2026", "nothing has been deleted and no model has been changed"),
    ("withdrawal_confirmed", "de"): ("am 1. März 2026", "wurde nichts gelöscht und kein Modell verändert"),
    # GDPR Art. 19
    ("recipient", "en"): (
        "Example Mirror Ltd",
        "Art. 19",
        "dataset letters-2025, records r-18, r-77",
        "https://example.org/suppression/7.jsonl",
        "Reply by 16 March 2026 with the reference tkt_9f3a61c2d4e5b708",
    ),
    ("recipient", "de"): (
        "Example Mirror Ltd",
        "Art. 19",
        "Datensatz letters-2025, Einträge r-18, r-77",
        "https://example.org/suppression/7.jsonl",
        "Antworten Sie bis zum 16. März 2026 unter dem Zeichen tkt_9f3a61c2d4e5b708",
    ),
}

OF_THE_REGIME: list[tuple[str, str, str, dict[str, Any], tuple[str, ...]]] = [
    ("refusal", "en", "us-ca-ccpa", {}, ("file a complaint", "Attorney General", "only for the reason named", "stop selling", "24 months")),
    ("refusal", "de", "us-ca-ccpa", {}, ("beschweren", "Attorney General", "nur zu dem genannten Zweck", "verkaufen", "24 Monate")),
    ("partial", "en", "us-ca-ccpa", {}, ("file a complaint", "only for the reason named", "stop selling", "24 months")),
    ("partial", "de", "us-ca-ccpa", {}, ("beschweren", "nur zu dem genannten Zweck", "verkaufen", "24 Monate")),
    ("extension", "en", "us-ca-ccpa", {}, ("90 days", "11 CCR § 7021(b)")),
    ("extension", "de", "us-ca-ccpa", {}, ("90 Tage", "11 CCR § 7021(b)")),
    ("recipient", "en", "us-ca-ccpa", {}, ("service providers, contractors and third parties", "11 CCR § 7022(b), (c)")),
    ("recipient", "de", "us-ca-ccpa", {}, ("Dienstleistern, Auftragnehmern und Dritten", "11 CCR § 7022(b), (c)")),
    ("identity_request", "en", "us-ca-ccpa", {"identity_effect": "none"}, ("runs on while we wait", "our answer by 27 March 2026")),
    ("identity_request", "de", "us-ca-ccpa", {"identity_effect": "none"}, ("läuft weiter", "bis zum 27. März 2026")),
    ("identity_request", "en", "uk-gdpr", {"identity_effect": "starts"}, ("begins when you have replied", "UK GDPR")),
    ("identity_request", "de", "uk-gdpr", {"identity_effect": "starts"}, ("beginnt, wenn Sie sich gemeldet haben", "UK GDPR")),
    ("refusal", "en", "voluntary", {}, ("under our own rules", "Example Authority", "judicial remedy")),
    ("refusal", "de", "voluntary", {}, ("nach unseren eigenen Regeln", "Example Authority", "gerichtlicher Rechtsbehelf")),
]


def test_the_table_is_complete() -> None:
    assert {(kind, locale) for kind in NOTICE_KINDS for locale in known_locales(None)} == set(BLOCKS)


@pytest.mark.parametrize(("kind", "locale"), BLOCKS)
def test_a_letter_says_what_the_law_asks(kind: str, locale: str) -> None:
    text = told(kind, locale)

    assert [phrase for phrase in BLOCKS[kind, locale] if phrase not in text] == []
    assert text.count("tkt_9f3a61c2d4e5b708") >= 2
    assert "Example Language Lab" in text


@pytest.mark.parametrize(("kind", "locale", "regime", "changes", "phrases"), OF_THE_REGIME)
def test_a_letter_says_what_its_own_regime_asks(
    kind: str, locale: str, regime: str, changes: dict[str, Any], phrases: tuple[str, ...]
) -> None:
    text = told(kind, locale, regime=regime, **changes)

    assert [phrase for phrase in phrases if phrase not in text] == []


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("regime", get_args(Regime))
@pytest.mark.parametrize("kind", ["extension", "refusal", "partial", "fulfilment", "no_data", "unverified"])
def test_under_every_regime_the_person_learns_where_to_complain(kind: str, regime: str, locale: str) -> None:
    assert "Example Authority" in told(kind, locale, regime=regime)


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_voluntary_or_californian_letter_claims_no_european_article(locale: str) -> None:
    texts = [told(kind, locale, regime=regime) for kind in ("identity_request", "extension") for regime in ("us-ca-ccpa", "voluntary")]

    assert [text for text in texts if "Art. 12" in text] == []


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("regime", get_args(Regime))
@pytest.mark.parametrize("kind", NOTICE_KINDS)
def test_headings_stand_on_their_own(kind: str, regime: str, locale: str) -> None:
    lines = letter(kind, locale, regime=regime).body.reveal().splitlines()

    headings = [number for number, line in enumerate(lines) if len(line) > 8 and line.split(" (")[0].isupper() and not line.startswith(" ")]
    assert [lines[number] for number in headings if lines[number - 1] or lines[number + 1]] == []
    assert lines[lines.index("2 March 2026" if locale == "en" else "2. März 2026") - 3] == ""


def test_a_controller_that_sells_nothing_offers_no_opt_out() -> None:
    assert "stop selling" not in told("refusal", regime="us-ca-ccpa", sells_or_shares=False)


def test_a_fulfilment_that_kept_something_says_so_in_its_first_paragraph() -> None:
    with_kept, without = told("fulfilment"), told("fulfilment", kept=())

    assert "We have carried out your request, except for what we must or may keep" in with_kept
    assert "We have carried out your request. This letter" in without
    assert "WHAT WE KEEP, AND WHY" not in without


def test_a_method_other_than_a_code_is_asked_for_by_name() -> None:
    text = told("identity_request", identity_code=None, identity_method="account_login")

    assert "Sign in to your account with us and confirm the request there. Please do so by 5 March 2026, 13:00 (CET)." in text
    assert "one-time code" not in text


@pytest.mark.parametrize("locale", ["en", "de"])
def test_the_proof_slip_opens_the_commitment_as_it_says(locale: str) -> None:
    value, nonce = "ines@example.org", bytes(range(16))
    line = ProofLine(number=1, kind="email", commitment=commitment(nonce, "email", Secret(value)), nonce=Secret(nonce.hex()))

    words = told("partial", locale, proof=(line,)).split()

    # What the slip tells a stranger to compute: SHA-256(nonce ‖ kind ‖ 0x00 ‖ value).
    printed = bytes.fromhex(words[words.index("nonce", words.index("commitment")) + 1])
    opened = hashlib.sha256(printed + b"email" + b"\x00" + value.encode()).hexdigest()
    assert f"sha256:{opened}" in words
    assert value not in words


def test_a_letter_to_a_recipient_holds_nothing_of_the_person() -> None:
    text = told("recipient")

    assert [value for value in (COMMITMENT, NONCE, "K7QM-2D4X", "A case is pending.", "Tax law wants them.") if value in text] == []
