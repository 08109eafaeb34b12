"""One form per identifier. These vectors are frozen: a changed one would silently break every token made before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.vault.normalise import VERSIONS, email_spellings, fold_name, fold_text, national_number, normalise, possible_e164, words_of


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("name", "  Inés   VÁRGA ", "ines varga"),
        ("name", "García–López", "garcia-lopez"),
        ("name", "O\u2019Dorn", "o'dorn"),
        ("name", "O\u00b4Dorn", "o'dorn"),
        ("name", "Straße", "strasse"),
        ("name", "Łukasz Ðorđe Æsa", "lukasz dorde aesa"),
        ("name", "In\u00ades\u200b", "ines"),
        ("email", " Ines.Varga+News@Example.ORG ", "ines.varga+news@example.org"),
        ("email", "admin@LOCALHOST", "admin@localhost"),
        ("email", "Jos\u0065\u0301@example.org", "jos\u00e9@example.org"),
        ("phone", "(202) 555-0142", "+12025550142"),
        ("phone", "+1 202 555 0142", "+12025550142"),
        ("phone", "+44 (0)20 7946 0958", "+442079460958"),
        ("phone", "extension none", ""),
        ("phone", "０２０２-５５５", "+10202555"),  # noqa: RUF001 - full-width digits are the point
        ("account", "@Ines_V92", "ines_v92"),
        ("account", "Ines_V92", "ines_v92"),
        ("excerpt", "She  said\n\u201cNo\u201d \u2014 twice\u2026", 'she said "no" - twice...'),
        ("excerpt", "ﬁne ① print", "fine 1 print"),
        ("email~provider", "I.Nes.Varga+News@GoogleMail.com", "inesvarga@gmail.com"),
        ("email~provider", "ines.varga+news@example.org", "ines.varga@example.org"),
        ("email~provider", "+tag@example.org", "+tag@example.org"),
        ("phone~digits", "ext. 4711-٢", "47112"),
        ("words", "O\u2019Dorn, Jane\u2013Märy!", "o dorn jane mary"),
        ("words", "我叫王小明。", "我 叫 王 小 明"),
        ("words", "김철수는", "김 철 수 는"),
        ("words", "...", ""),
    ],
)
def test_a_value_has_one_form(kind: str, value: str, form: str) -> None:
    assert normalise(kind, value, "US") == form


def test_every_kind_has_a_version_and_an_unknown_kind_is_refused() -> None:
    assert VERSIONS == {
        "name": "name/1",
        "email": "email/1",
        "phone": "phone/1",
        "account": "account/1",
        "excerpt": "excerpt/1",
        "email~provider": "email~provider/1",
        "phone~digits": "phone~digits/1",
        "words": "words/1",
    }
    with pytest.raises(ValueError, match="unknown kind"):
        normalise("iris", "x", "US")


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold_name(fold_name(text)) == fold_name(text)
    assert fold_text(fold_text(text)) == fold_text(text)


@given(st.text(), st.sampled_from(sorted(VERSIONS)))
def test_no_value_whatever_breaks_a_normaliser(value: str, kind: str) -> None:
    normalise(kind, value, "US")


def test_an_international_domain_has_two_spellings() -> None:
    assert email_spellings("Ines@Bücher.example") == ("ines@bücher.example", "ines@xn--bcher-kva.example")
    assert email_spellings("ines@example.org") == ("ines@example.org",)


def test_a_number_is_taken_apart_with_its_trunk_digit() -> None:
    british, american, none = (
        national_number(value, region) for value, region in (("020 7946 0958", "GB"), ("2025550142", "US"), ("?", "US"))
    )

    assert (british.country, british.trunk, british.national) == ("44", "0", "2079460958")
    assert (american.country, american.trunk, american.national) == ("1", "1", "2025550142")
    assert (none.country, none.trunk, none.national) == ("", "", "")


@given(st.text())
def test_the_words_of_words_are_the_words(text: str) -> None:
    assert words_of(" ".join(words_of(text))) == words_of(text)


@pytest.mark.parametrize(
    ("value", "region", "form"),
    [
        ("(202) 555-0142", "US", "+12025550142"),
        ("+44 (0)20 7946 0958", "US", "+442079460958"),
        ("4711", "US", ""),
        ("+1 202 555 0142 0142 99", "US", ""),
        ("none", "US", ""),
    ],
)
def test_only_a_number_that_can_exist_has_a_form_that_may_delete(value: str, region: str, form: str) -> None:
    assert possible_e164(value, region) == form
