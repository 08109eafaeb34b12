"""Every letter in every locale is whole, is refused with a hole in it, and is bent by no value."""

from __future__ import annotations

import traceback
from dataclasses import FrozenInstanceError, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput, LetterIncomplete, RTBFError, TemplateBroken
from rtbf.notice.fields import Erased, LetterFields, Material, Reason
from rtbf.notice.plain import at_readable_width, one_line
from rtbf.notice.record import NOTICE_KINDS
from rtbf.notice.render import render
from rtbf.notice.wording import BUILT_IN, known_locales
from rtbf.ticket.codes import all_codes
from rtbf.vault.secret import Secret
from tests.letters import FULL, letter, told

if TYPE_CHECKING:
    from pathlib import Path

LOCALES = known_locales(None)
EVERYWHERE = ("ticket_id", "regime", "written_at")
CLOSING = ("controller_name", "controller_contact")
RIGHTS = ("authority_name",)

NEEDS: dict[str, tuple[str, ...]] = {
    "acknowledgement": (*CLOSING, "received_on", "deadline_on"),
    "identity_request": (*CLOSING, "received_on", "doubt", "identity_code", "identity_effect", "expires_at"),
    "extension": (*CLOSING, *RIGHTS, "received_on", "deadline_on", "new_deadline_on", "delay_code", "explanation"),
    "refusal": (*CLOSING, *RIGHTS, "received_on", "reasons", "shred_on"),
    "partial": (
        *CLOSING,
        *RIGHTS,
        "received_on",
        "erased",
        "kept",
        "later",
        "claims",
        "residuals",
        "recipients_told",
        "recipients_untold",
        "proof",
        "shred_on",
    ),
    "fulfilment": (
        *CLOSING,
        *RIGHTS,
        "received_on",
        "erased",
        "kept",
        "later",
        "claims",
        "residuals",
        "recipients_told",
        "recipients_untold",
        "proof",
        "shred_on",
    ),
    "no_data": (*CLOSING, *RIGHTS, "received_on", "searched", "not_searched", "about_others", "shred_on"),
    "unverified": (*CLOSING, *RIGHTS, "received_on", "explanation", "shred_on"),
    "withdrawal_confirmed": (*CLOSING, "received_on", "withdrawn_on", "shred_on"),
    "recipient": (*CLOSING, "recipient_name", "materials", "reply_by"),
}
"""The documented fields of each kind; with these alone it renders, and without any one of them it does not."""

CANARY = "ines.canary"
HOSTILE = {
    "a template": ("{{ 7*7 }} {% for x in y %}", "{{ 7*7 }} {% for x in y %}"),
    "a header": (f"{CANARY}\r\nBcc: x@example.org", f"{CANARY} Bcc: x@example.org"),
    "right-to-left override": ("moc.\u202eelpmaxe\u202c\u2066x\u2069", "moc.elpmaxex"),
    "separators": ("a\u2028b\u2029c\x00d\x85e\tf", "a b c d e f"),
    "HTML": ("<b>&amp;</b>", "<b>&amp;</b>"),
    "a lone surrogate": ("a\ud800b", "a\ufffdb"),
    "a table's key": ("labels.laws", "labels.laws"),
}


def only(kind: str) -> LetterFields:
    """Return the fields that `kind` is documented to need, and no others."""
    given_fields = {name: getattr(FULL, name) for name in (*EVERYWHERE, *NEEDS[kind])}
    return LetterFields(**given_fields)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", NOTICE_KINDS)
def test_every_kind_renders_in_every_locale_with_its_documented_fields_alone(kind: str, locale: str) -> None:
    made = render(kind, locale, only(kind))
    body = made.body.reveal()

    assert (made.kind, made.locale) == (kind, locale)
    assert "\n" not in made.subject
    assert "{{" not in body
    assert "None" not in body
    assert "\n\n\n" not in body
    assert [line for line in body.splitlines() if len(line) > 72 and " " in line.strip()] == []


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in NOTICE_KINDS for field in NEEDS[kind]])
def test_a_letter_with_a_hole_is_refused_by_name(kind: str, field: str) -> None:
    expected = "identity_method" if field == "identity_code" else field

    with pytest.raises(LetterIncomplete) as refused:
        render(kind, "de", replace(only(kind), **{field: None}))

    assert expected in str(refused.value) or (field == "claims" and "1 changed model(s) without a claim" in refused.value.found)


@pytest.mark.parametrize("field", ["controller_name", "controller_contact", "authority_name"])
@pytest.mark.parametrize("value", [None, "", " \u200f\n"])
def test_a_missing_setting_is_named_and_never_made_up(field: str, value: str | None) -> None:
    with pytest.raises(LetterIncomplete) as refused:
        letter("refusal", **{field: value})

    assert f"set RTBF_{field.upper()}" in refused.value.remedy


def test_a_californian_refusal_asks_whether_data_are_sold() -> None:
    with pytest.raises(LetterIncomplete) as refused:
        letter("refusal", regime="us-ca-ccpa", sells_or_shares=None)

    assert refused.value.remedy == "set RTBF_SELLS_OR_SHARES"


@pytest.mark.parametrize(("kind", "field"), [("refusal", "reasons"), ("no_data", "searched"), ("recipient", "materials")])
def test_what_a_letter_is_about_is_never_empty(kind: str, field: str) -> None:
    with pytest.raises(LetterIncomplete, match=field):
        letter(kind, **{field: ()})


def test_a_partial_answer_says_what_is_missing() -> None:
    with pytest.raises(LetterIncomplete, match="does not say what is missing"):
        letter("partial", kept=(), later=(), residuals=())


def test_a_changed_model_is_never_told_of_without_its_claim() -> None:
    with pytest.raises(LetterIncomplete, match=r"without a claim \(other-7b\)"):
        letter("fulfilment", erased=(Erased(name="other-7b", remedy="retrain_exact"),))


def test_a_dataset_without_record_ids_needs_the_suppression_export() -> None:
    bare = (Material(kind="dataset", name="letters-2025", record_ids=()),)

    with pytest.raises(LetterIncomplete, match="suppression_export"):
        letter("recipient", materials=bare, suppression_export=None)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("refusal", {"regime": "mars-law"}),
        ("refusal", {"reasons": (Reason(code="mars:Because", explanation=Secret("It is so.")),)}),
        ("extension", {"delay_code": "mars:Because"}),
        ("fulfilment", {"erased": (Erased(name="letters-2025", remedy="mars_remedy", count=1),)}),
    ],
)
def test_a_code_without_plain_words_is_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(LetterIncomplete, match=r"add its plain words to en/locale\.yaml"):
        letter(kind, **changes)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_code_that_a_letter_may_name_has_plain_words(locale: str) -> None:
    labels = yaml.safe_load((BUILT_IN / locale / "locale.yaml").read_text(encoding="utf-8"))["labels"]
    codes = [code for known in all_codes().values() for code in known]

    assert {code.code for code in codes if code.kind in {"exemption", "refusal"}} - set(labels["codes"]) == set()
    assert {code.code for code in codes if code.kind == "delay"} - set(labels["delays"]) == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale_has_every_file_and_every_code(locale: str) -> None:
    names = {path.name for path in (BUILT_IN / locale).iterdir()}
    tables = {name: yaml.safe_load((BUILT_IN / name / "locale.yaml").read_text(encoding="utf-8"))["labels"] for name in ("en", locale)}

    assert {f"{kind}.txt" for kind in NOTICE_KINDS} - names == set()
    assert {group: set(words) for group, words in tables[locale].items()} == {group: set(words) for group, words in tables["en"].items()}


@pytest.mark.parametrize(("value", "text"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_value_stays_one_line_of_text(value: str, text: str) -> None:
    made = letter("identity_request", controller_name=value, doubt=Secret(value))

    assert f"\nKind regards\n{text}\n" in made.body.reveal()
    assert made.body.reveal().count(text) == 2
    assert "49" not in made.body.reveal()


def test_a_hostile_value_starts_no_header_in_the_subject() -> None:
    made = letter("acknowledgement", ticket_id="tkt_1\r\nBcc: x@example.org")

    assert made.subject == "We have received your deletion request (tkt_1 Bcc: x@example.org)"


@given(st.text())
def test_one_line_is_one_line_and_settled(value: str) -> None:
    line = one_line(value)

    assert line.splitlines() in ([], [line])
    assert one_line(line) == line
    line.encode()


@given(st.text(alphabet="abc -1.\n\u00e9", max_size=400))
def test_filling_loses_no_word(text: str) -> None:
    assert at_readable_width(text).split() == text.split()


def test_a_day_is_not_torn_apart() -> None:
    assert at_readable_width("x" * 66 + " 2\u00a0March\u00a02026") == "x" * 66 + "\n2 March 2026\n"


def test_a_canary_is_in_the_body_and_nowhere_else() -> None:
    values = {"doubt": Secret(CANARY), "identity_code": Secret(CANARY)}
    variables = replace(FULL, **values)

    made = render("identity_request", "en", variables)

    assert made.body.reveal().count(CANARY) == 2
    assert CANARY not in f"{made!r} {variables!r} {made.subject} {made.template_digest}"
    with pytest.raises(FrozenInstanceError):
        made.subject = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    "line",
    [
        "{{ doubt + 1 }}",
        "{{ doubt | float(none) / 0 }}",
        "{{ labels.laws[doubt] }}",
        "{{ doubt.nothing }}",
        "{{ doubt() }}",
        "{{ '%d' % doubt }}",
    ],
)
def test_a_canary_is_in_no_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "identity_request.txt").write_text(f"Subject: x\n\n{line}\n")
    variables = replace(FULL, doubt=Secret(f"{CANARY} who lives here"))

    with pytest.raises(RTBFError) as refused:
        render("identity_request", "en", variables, overrides=tmp_path)

    assert CANARY not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None


def test_a_template_reaches_nothing_but_its_fields(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "acknowledgement.txt").write_text("Subject: x\n\n{{ ticket_id.__class__.__mro__[1].__subclasses__() }}\n")

    with pytest.raises((TemplateBroken, LetterIncomplete)):
        render("acknowledgement", "en", FULL, overrides=tmp_path)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="expires_at without a time zone"):
        letter("identity_request", expires_at=datetime(2026, 3, 5, 13, 0))  # noqa: DTZ001 - the point


def test_one_proof_is_asked_for_not_two() -> None:
    with pytest.raises(BadInput, match="a one-time code and a method"):
        letter("identity_request", identity_method="in_person")


def test_a_letter_is_the_same_each_time_and_differs_with_its_fields() -> None:
    assert told("partial") == told("partial")
    assert told("partial") != told("partial", kept=())


def test_every_field_is_used_by_some_letter() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (BUILT_IN / "en").glob("*.txt"))

    assert [field.name for field in fields(LetterFields) if field.name not in sources] == []
