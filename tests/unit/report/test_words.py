"""Everything that a report names by a code has plain words: probes, families, roles, comparisons, statuses, codes, sets, pieces."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from rtbf.material.questions import RECORD_SETS
from rtbf.plan.card import probe_cards
from rtbf.plan.profile import PROFILES
from rtbf.report import asked_words, words
from rtbf.report.asked_words import empty_words, left_out_words, piece_words, profile_words, set_words
from rtbf.report.check.judging import PROBES_V1
from rtbf.report.words import probe_words, unit_words
from rtbf.verify.codes import CODE_MEANINGS, CODE_REMEDIES
from rtbf.verify.item_set import SetItem
from rtbf.verify.items.jailbreaks import TEMPLATES
from rtbf.verify.items.run import MAKERS
from rtbf.verify.probe import Family, Role
from rtbf.verify.record import Finding, ProbeResult, Status
from rtbf.verify.run import RELEARNING_STEPS
from rtbf.verify.verdict import CAP_BY_ARTEFACT

CARDS = list(probe_cards().values())
WIDEST_TITLE = 26


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.probe_id)
def test_every_probe_has_a_title_that_fits_and_a_question(card: object) -> None:
    title, asks = probe_words(card.probe_id)  # type: ignore[attr-defined]

    assert title not in {"", card.probe_id}  # type: ignore[attr-defined]
    assert len(title) <= WIDEST_TITLE
    assert asks != ""


def test_no_title_is_used_twice() -> None:
    titles = [title for title, _ in (words.PROBES | words.VARIANTS).values()]

    assert len(set(titles)) == len(titles)


def test_no_words_are_left_over_from_a_probe_that_is_gone() -> None:
    known = {card.probe_id for card in CARDS}

    assert (words.PROBES | words.VARIANTS).keys() - known == set()


def test_the_protocols_list_is_what_it_was() -> None:
    """The checker compares a report's "not tested" with it: a further score of a probe must never enter it."""
    assert words.PROBES.keys() == PROBES_V1


def test_every_family_role_comparison_and_status_has_words() -> None:
    compared = get_args(get_args(get_type_hints(ProbeResult)["compared_with"])[0])

    assert words.FAMILIES.keys() == words.FAMILY_LEADS.keys() == set(get_args(Family))
    assert words.ROLES.keys() == set(get_args(Role))
    assert words.COMPARED.keys() == words.COMPARED_SHORT.keys() == set(compared)
    assert words.STATUSES.keys() == set(get_args(Status))
    assert words.ARTEFACT_KINDS.keys() == CAP_BY_ARTEFACT.keys()
    assert get_type_hints(Finding)["status"] == Status


def test_every_unit_fits_into_a_cell() -> None:
    assert [card.unit for card in CARDS if len(unit_words(card.unit)) > 18] == []


def test_every_code_that_ends_a_probe_has_a_meaning() -> None:
    assert CODE_REMEDIES.keys() <= CODE_MEANINGS.keys()
    used = {"NO_PACK", "NO_ITEMS", "MERGED", "UNCHANGED", "BLIND_GATE", "NUMERIC", "IDENTICAL_ARMS", "PROBE_ERROR", "TIMED_OUT"}

    assert used - CODE_MEANINGS.keys() == set()


def test_every_set_and_profile_has_words() -> None:
    sets = MAKERS.keys() | RECORD_SETS | {RELEARNING_STEPS}

    assert [name for name in sets if set_words(name) == name.replace("_", " ") and name not in asked_words.SETS] == []
    assert asked_words.SETS.keys() == sets
    assert asked_words.PROFILES.keys() == asked_words.PROFILE_LIMITS.keys() == PROFILES.keys()
    assert "never a PASS" in profile_words("smoke")


def test_every_template_and_state_has_words() -> None:
    states = {state for card in CARDS for state in card.states if state}

    assert [name for name in TEMPLATES if name not in asked_words.PIECES] == []
    assert [
        state
        for state in states
        if "@" not in state and state not in asked_words.PIECES and not state.startswith(("int8", "nf4", "pruned"))
    ] == []
    assert [piece_words(f"relearn-benign@{step}") for step in (0, 1, 50)] == ["after 0 steps", "after 1 step", "after 50 steps"]


def test_an_unknown_name_is_told_as_it_is() -> None:
    item = SetItem(record_id="r", label="my_own form", prompt="?", answer="")

    assert piece_words(item.label) == "my own form"
    assert [set_words(name) for name in ("pack_r6", "pack_u6_harm", "pack_own")] == [
        "your pack for R6", "your pack for U6.harm", "your own questions",
    ]  # fmt: skip
    assert left_out_words("cloze: no such form", 2) == "2 that cannot be put in this form (with a gap to fill)"
    assert left_out_words("too odd", 1) == "1 too odd"
    assert empty_words("anything") == "the records hold nothing that could be asked in this way"
    assert probe_words("X9", "own_probe") == ("Own probe", "")
