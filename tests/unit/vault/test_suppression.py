"""Which tokens an identifier gives, and that a copied run of twenty words always meets one of them."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.normalise import VERSIONS
from rtbf.vault.secret import Secret
from rtbf.vault.suppression import GUARANTEE_WORDS, NORMALISERS, SHINGLE_WORDS, WINNOW_WINDOW, entries_for, winnowed


def made(kind: str, value: str, region: str = "US") -> set[tuple[str, int, str, str]]:
    specs = entries_for(OpenIdentifier(number=1, kind=kind, value=Secret(value)), region)
    return {(spec.kind, spec.words, spec.form.reveal(), spec.effect) for spec in specs}


def reference_shingles(words: list[str]) -> set[str]:
    """Winnowing as the paper's §3 defines it, written plainly: k = 13, w = 8."""
    shingles = [" ".join(words[i : i + 13]) for i in range(len(words) - 12)]
    hashes = [hashlib.sha256(shingle.encode()).hexdigest() for shingle in shingles]
    kept = set()
    for start in range(len(shingles) - 7):
        window = hashes[start : start + 8]
        rightmost = max(place for place, value in enumerate(window) if value == min(window))
        kept.add(shingles[start + rightmost])
    return kept or set(shingles)


@pytest.mark.parametrize(
    ("kind", "value", "tokens"),
    [
        (
            "email",
            "Ines.Varga+News@Gmail.com",
            {
                ("email", 0, "ines.varga+news@gmail.com", "drop"),
                ("email~provider", 0, "inesvarga@gmail.com", "quarantine"),
            },
        ),
        (
            "email",
            "ines@example.org",
            {("email", 0, "ines@example.org", "drop"), ("email~provider", 0, "ines@example.org", "quarantine")},
        ),
        ("phone", "(202) 555-0142", {("phone", 0, "+12025550142", "drop")}),
        ("phone", "471147", {("phone~digits", 0, "471147", "quarantine")}),
        (
            "phone",
            "+44 20 7946 0958",
            {
                ("phone", 0, "+442079460958", "drop"),
                ("phone~digits", 0, "2079460958", "quarantine"),
                ("phone~digits", 0, "02079460958", "quarantine"),
            },
        ),
        ("phone", "4711", set()),
        ("account", "@Ines_V92", {("account", 0, "ines_v92", "drop")}),
        ("account", "iv9", {("account", 0, "iv9", "quarantine")}),
        ("account", "Acme\\Ines", {("account", 0, "acme\\ines", "drop"), ("account~words", 2, "acme ines", "quarantine")}),
        ("account", "--", set()),
        ("name", "Inés Varga", {("name", 2, "ines varga", "quarantine"), ("name", 2, "varga ines", "quarantine")}),
        ("name", "Varga, Ines", {("name", 2, "ines varga", "quarantine"), ("name", 2, "varga ines", "quarantine")}),
        ("name", "Cher", {("name", 1, "cher", "quarantine")}),
        (
            "name",
            "Ana de Costa",
            {
                ("name", 3, "ana de costa", "quarantine"),
                ("name", 3, "de costa ana", "quarantine"),
                ("name", 3, "costa ana de", "quarantine"),
            },
        ),
        (
            "name",
            "Jo O'Dorn",
            {
                ("name", 3, "jo o dorn", "quarantine"),
                ("name", 3, "o dorn jo", "quarantine"),
                ("name", 2, "jo odorn", "quarantine"),
                ("name", 2, "odorn jo", "quarantine"),
            },
        ),
        ("name", "王小明", {("name", 3, "王 小 明", "quarantine")}),
        ("name", "A B C D E", {("name", 5, "a b c d e", "quarantine")}),
        ("name", "...", set()),
        ("excerpt", "She said: no!", {("excerpt", 3, "she said no", "quarantine")}),
        ("excerpt", "a b c d e f g h i j k l", {("excerpt", 12, "a b c d e f g h i j k l", "quarantine")}),
        ("excerpt", "a b c d e f g h i j k l m", {("shingle", 13, "a b c d e f g h i j k l m", "drop")}),
        ("excerpt", "?", set()),
    ],
)
def test_an_identifier_gives_these_tokens(kind: str, value: str, tokens: set[tuple[str, int, str, str]]) -> None:
    assert made(kind, value) == tokens


def test_a_bare_name_never_drops_whatever_it_looks_like() -> None:
    values = ["Ines", "Ines Varga", "ines@example.org", "+12025550142", "A " * 30, "1" * 300]

    effects = {effect for value in values for _, _, _, effect in made("name", value)}

    assert effects == {"quarantine"}


def test_every_token_names_its_normalisers_version_and_hides_its_form() -> None:
    specs = entries_for(OpenIdentifier(number=1, kind="email", value=Secret("ines@example.org")), "US")

    assert {spec.normaliser for spec in specs} == {"email/1", "email~provider/1"}
    assert "ines" not in repr(specs)
    assert set(NORMALISERS.values()) <= set(VERSIONS.values())


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        made("iris", "x")


@given(st.text(max_size=300), st.sampled_from(["name", "email", "phone", "account", "excerpt"]))
def test_no_value_whatever_breaks_it_and_windows_stay_short(value: str, kind: str) -> None:
    tokens = made(kind, value)

    assert all(0 <= words <= SHINGLE_WORDS and form for _, words, form, _ in tokens)
    assert all((words == 0) or words == len(form.split(" ")) for _, words, form, _ in tokens)


def test_thirteen_characters_of_chinese_are_not_thirteen_words() -> None:
    tokens = made("excerpt", "今天的会议由王小明主持并且讨论了许多问题")

    assert {(kind, effect) for kind, _, _, effect in tokens} == {("shingle", "quarantine")}


def test_the_paper_s_bound_holds_between_shingle_window_and_guarantee() -> None:
    assert (SHINGLE_WORDS, GUARANTEE_WORDS, WINNOW_WINDOW) == (13, 20, 8)  # w = t - k + 1


@pytest.mark.parametrize("vocabulary", [1, 2, 5, 1000])
def test_any_copied_run_of_twenty_words_meets_a_kept_shingle(vocabulary: int) -> None:
    """Brute force over every run of every excerpt; a small vocabulary makes equal shingles, a large one none."""
    dice = random.Random(vocabulary)
    for length in (13, 14, 19, 20, 21, 27, 28, 60, 150):
        words = [f"w{dice.randrange(vocabulary)}" for _ in range(length)]
        kept = {form for kind, _, form, _ in made("excerpt", " ".join(words)) if kind == "shingle"}

        run_words = min(20, length)
        for start in range(length - run_words + 1):
            run = words[start : start + run_words]
            assert kept & {" ".join(run[place : place + 13]) for place in range(run_words - 12)}, (length, start)
        assert kept == reference_shingles(words)


def test_winnowing_keeps_about_two_in_nine() -> None:
    """Density 2/(w + 1) on random text (the paper's §3.3): 0.222 of the shingles, here within a tenth."""
    forms = [f"shingle {number}" for number in range(9000)]

    kept = winnowed(forms)

    assert 1800 <= len(kept) <= 2200
    assert list(kept) == sorted(set(kept))


def test_in_a_short_excerpt_every_shingle_is_kept() -> None:
    words = [f"w{number}" for number in range(19)]

    assert len(made("excerpt", " ".join(words))) == 7
