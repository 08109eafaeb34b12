"""What the identifier locator finds and, as important, what it leaves alone."""

from __future__ import annotations

import pytest

from rtbf.footprint.locators.identifier import compile_identifiers
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret


def count(kind: str, value: str, text: str, region: str = "US") -> int:
    matcher = compile_identifiers([OpenIdentifier(number=1, kind=kind, value=Secret(value))], region)
    return sum(found for _, _, found in matcher.matches([("text", text)]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ines Varga", "They met Ines Varga, again."),
        ("Ines Varga", "INES VARGA's book"),
        ("Ines Varga", "ines\n  varga"),
        ("Ines Varga", "Varga, Ines (chair)"),
        ("Ines Varga", "«Ines\u00a0Varga»"),
        ("Ines Varga", "Inés Vårga"),
        ("Inés Varga", "Ines Varga"),
        ("Varga, Ines", "Ines Varga"),
        ("Łukasz Øst", "Lukasz Ost"),
        ("Lukasz Ost", "Łukasz Øst"),
        ("Jose Garcia-Lopez", "José García López"),
        ("Jose Garcia Lopez", "García-López, José"),
        ("Jose Garcia Lopez", "Lopez, Jose Garcia"),
        ("Jan van der Berg", "van der Berg, Jan"),
        ("Jean–Luc Marre", "Jean-Luc Marre"),
        ("Jean-Luc Marre", "JeanLuc Marre"),
        ("Sean O'Dorn", "Sean O\u2019Dorn"),
        ("Sean O\u2019Dorn", "SEAN ODORN"),
        ("J. R. Moll", "J R Moll"),
        ("Abel King, Jr.", "Abel King Jr"),
        ("Ines Varga", "Ines\u200b Varga"),
        ("Ines Varga", "Ｉｎｅｓ Ｖａｒｇａ"),  # noqa: RUF001 - full-width letters are the point
        ("Straßer Ida", "STRASSER IDA"),
        ("王小芳", "昨天王小芳去了学校"),
        ("Анна Ветрова", "АННА ВЕТРОВА"),  # noqa: RUF001 - Cyrillic is the point
    ],
)
def test_a_name_is_found_however_it_is_written(name: str, text: str) -> None:
    assert count("name", name, text) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ines Varga", "Inesa Varga"),
        ("Ines Varga", "Ines Vargas"),
        ("Ines Varga", "Ines B. Varga"),
        ("Ines Varga", "Ines met Varga"),
        ("Ines Varga", "Varga Ines"),
        ("Ines Varga", "Ines, Varga"),
        ("Ines Varga", "Ines. Varga"),
        ("Ann", "Anna planned a manned mission"),
        ("Al", "also"),
        ("Ines Varga", ""),
    ],
)
def test_a_name_is_not_found_in_another(name: str, text: str) -> None:
    assert count("name", name, text) == 0


@pytest.mark.parametrize(
    "text",
    [
        "202-555-0142",
        "(202) 555-0142",
        "202.555.0142",
        "202 555 0142",
        "2025550142",
        "tel:+12025550142",
        "+1 (202) 555-0142",
        "1-202-555-0142",
        "001 202 555 0142",
        "011 1 202 555 0142",
        "call 202\u2011555\u20110142.",
        "202\u00a0555\u00a00142",
        "２０２-５５５-０１４２",  # noqa: RUF001 - full-width digits are the point
        "٢٠٢٥٥٥٠١٤٢",
    ],
)
@pytest.mark.parametrize("asked", ["+1 202 555 0142", "(202) 555-0142"])
def test_a_phone_number_is_found_in_any_punctuation_with_and_without_country(asked: str, text: str) -> None:
    assert count("phone", asked, text) == 1


@pytest.mark.parametrize(
    "text",
    ["202-555-0143", "92025550142", "20255501429", "+44 202 555 0142", "0044 2025550142", "202 555 / and 0142", "2025550 kg, 142 of 202"],
)
def test_a_phone_number_is_not_found_in_another_number(text: str) -> None:
    assert count("phone", "+1 202 555 0142", text) == 0


@pytest.mark.parametrize("text", ["020 7946 0958", "(020) 7946 0958", "+44 20 7946 0958", "+44 (0)20 7946 0958", "442079460958"])
def test_a_national_number_is_found_with_its_trunk_digit_and_its_country_code(text: str) -> None:
    assert count("phone", "020 7946 0958", text, region="GB") == 1


def test_two_numbers_side_by_side_are_two() -> None:
    assert count("phone", "202-555-0142", "202-555-0142 202-555-0142") == 2


@pytest.mark.parametrize(
    "text", ["ines@example.org", "Write to INES@Example.ORG.", "<ines@example.org>", "mailto:ines@example.org?x", "(ines@example.org)"]
)
def test_an_address_is_found_in_any_case_and_beside_any_punctuation(text: str) -> None:
    assert count("email", "Ines@example.org", text) == 1


@pytest.mark.parametrize(
    "text",
    ["denines@example.org", "v.ines@example.org", "ines@example.org.uk", "ines@example.organic", "ines@example", "ines+news@example.org"],
)
def test_an_address_is_not_found_in_a_longer_one(text: str) -> None:
    assert count("email", "ines@example.org", text) == 0


def test_an_address_without_a_lawful_domain_is_still_found() -> None:
    assert count("email", "Admin@localhost", "root, admin@localhost") == 1


@pytest.mark.parametrize("text", ["ines@bücher.example", "ines@xn--bcher-kva.example"])
def test_both_spellings_of_an_international_domain_are_found(text: str) -> None:
    assert count("email", "ines@bücher.example", text) == 1


@pytest.mark.parametrize(("text", "found"), [
    ("@ines_v92 wrote", 1), ("chat.example.org/ines_v92.", 1), ("INES_V92", 1), ("ines_v92, ines_v92", 2),
    ("ines_v921", 0), ("xines_v92", 0), ("ines_v92@example.org", 0), ("mail@ines_v92", 0), ("ines_v92-old", 0),
])  # fmt: skip
def test_an_account_is_found_whole_only(text: str, found: int) -> None:
    assert count("account", "@Ines_V92", text) == found


def test_an_excerpt_is_found_whatever_its_case_spacing_and_quotes() -> None:
    assert count("excerpt", "she said \u201cno\u201d  to the mill", 'There SHE SAID "no"\nto the mill-owner.') == 1


def test_a_long_excerpt_may_begin_inside_a_word_and_a_short_one_may_not() -> None:
    assert count("excerpt", "orn in Lindgard, near the old mill", "Born in Lindgard, near the old mill") == 1
    assert count("excerpt", "orn in", "Born in Lindgard") == 0


def test_counts_go_over_all_fields_and_name_each_identifier_once() -> None:
    identifiers = [
        OpenIdentifier(number=1, kind="name", value=Secret("Ines Varga")),
        OpenIdentifier(number=2, kind="email", value=Secret("ines@example.org")),
        OpenIdentifier(number=3, kind="account", value=Secret("absent")),
    ]
    matcher = compile_identifiers(identifiers, "US")

    found = matcher.matches([("question", "Who is Ines Varga?"), ("answer", "Varga, Ines: ines@example.org"), ("n", "7")])

    assert found == ((1, "name", 2), (2, "email", 1))
    assert matcher.matches([]) == ()


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [("phone", "at home", "nothing_to_compare"), ("phone", "0142", "too_few_digits"), ("account", "@--", "nothing_to_compare")],
)
def test_an_identifier_that_cannot_be_searched_is_named_not_dropped(kind: str, value: str, reason: str) -> None:
    matcher = compile_identifiers([OpenIdentifier(number=4, kind=kind, value=Secret(value))], "US")

    assert matcher.unsearchable == ((4, reason),)
    assert matcher.matches([("text", f"{value} 0142 --")]) == ()


@pytest.mark.parametrize("kind", ["name", "account", "excerpt", "email"])
@pytest.mark.parametrize("value", ["a.b*c(d", "[x-z]+ ab", "a\\b\\d", "^ab$|cd", "(?P<x>ab)"])
def test_an_identifier_is_text_never_a_pattern(kind: str, value: str) -> None:
    assert count(kind, value, f"before {value} after") >= 1
    assert count(kind, value, "axbxxcxd xz ab1 cd2 x") == 0


def test_a_matcher_prints_no_identifier() -> None:
    matcher = compile_identifiers([OpenIdentifier(number=1, kind="name", value=Secret("Ines Varga"))], "US")

    assert repr(matcher) == "<Matcher of 1 identifiers>"


@pytest.mark.parametrize("text", ["1" * 200_000, "2 0 2 5 5 5 " * 20_000, "+1 (202) " * 20_000, "Ines " * 40_000, "(" * 100_000])
def test_hostile_text_takes_no_hostile_time(text: str) -> None:
    """A regex with nested repetition would run for hours on these; the suite's own time limit is the judge."""
    assert count("phone", "+1 202 555 0142", text + " 2025550142") <= 1
    assert count("name", "Ines Maria Varga Lopez", text + " varga") == 0
