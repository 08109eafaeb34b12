"""The signed statement: what it holds, what it must not hold, and that it is made of one case only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rtbf.errors import RecordBroken
from rtbf.report.residuals import residual
from rtbf.report.statement import build_statement
from rtbf.verify.claim import ALWAYS_STATED
from tests import builders


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in _leaves(entry)]
    if isinstance(value, list):
        return [leaf for entry in value for leaf in _leaves(entry)]
    return [value]


def test_statement_is_in_toto_v1_about_the_artefact_files() -> None:
    made = builders.case()

    statement = build_statement(made)

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://rtbf.example/attestations/unlearning-audit/v6"
    assert [subject["name"] for subject in statement["subject"]] == ["config.json", "model.safetensors", "tokenizer.json"]
    # printf "not really weights" | sha256sum
    assert statement["subject"][1]["digest"] == {"sha256": "6bc9509551b471fd7d25a12b99a9d825e866b1ad02f9f9b5071757ab66d30e68"}


def test_statement_holds_no_float() -> None:
    statement = build_statement(builders.case())

    kinds = {type(leaf) for leaf in _leaves(statement)}

    assert kinds <= {str, int, bool, type(None)}


def test_statement_names_no_record_and_no_ticket_reference() -> None:
    """Record ids can be built from names, and people write names into reference fields."""
    made = replace(builders.case(), ticket=builders.ticket(external_ref="HR-jane.roe"))

    text = json.dumps(build_statement(made))

    assert "r0001" not in text
    assert "r0105" not in text
    assert "jane.roe" not in text


def test_statement_counts_what_was_found_and_keeps_what_was_not_searched() -> None:
    predicate = build_statement(builders.case())["predicate"]

    footprint = predicate["footprint"]

    assert footprint["records_found"] == 20
    assert footprint["searched"][0]["unread"] == 3
    assert footprint["not_searched"][0]["name"] == "vendor-chat"


def test_statement_lists_every_left_out_model_and_the_earlier_weights_as_residuals() -> None:
    made = builders.case(plan_changes={"left_out_models": ("assistant-small",)})

    residuals = build_statement(made)["predicate"]["residuals"]

    named = [(entry["kind"], entry["name"], entry["owner"], entry["due_on"]) for entry in residuals]
    assert named[:2] == [
        ("model_not_changed", "assistant-small", "act_decider", "2026-04-01"),
        ("earlier_weights", "assistant", "act_decider", "2026-04-01"),
    ]
    assert {entry["kind"] for entry in residuals} == {"model_not_changed", "earlier_weights", "source_records", "own_copies"}


def test_a_residual_without_owner_or_date_says_so() -> None:
    made = builders.case()
    ownerless = tuple(residual(entry.kind, entry.name, None, None) for entry in made.residuals)

    residuals = build_statement(replace(made, residuals=ownerless))["predicate"]["residuals"]

    assert {(entry["owner"], entry["due_on"]) for entry in residuals} == {("not assigned", "no date set")}


def test_a_residual_that_nobody_opened_makes_no_statement() -> None:
    made = builders.case()
    silent = tuple(entry for entry in made.residuals if entry.kind != "earlier_weights")

    with pytest.raises(RecordBroken, match="nobody opened: earlier_weights"):
        build_statement(replace(made, residuals=silent))


def test_the_quorum_is_complete_with_the_second_approval_and_the_grace_period_counts_from_there() -> None:
    made = builders.case(plan_changes={"quorum": 2, "grace_s": 3600})
    digest = builders.digest_of(made.plan)
    first = builders.approval(digest, given_at="2026-02-28T10:00:00.000Z")
    second = builders.approval(digest, "act_second", given_at="2026-03-01T08:15:00.000Z")

    quorum = build_statement(replace(made, approvals=(first, second), unlearning_started_at="2026-03-01T09:15:00.000Z"))["predicate"][
        "quorum"
    ]

    assert quorum == {
        "needed": 2,
        "reason": made.plan.quorum_reason,
        "met_at": "2026-03-01T08:15:00.000Z",
        "grace_ends_at": "2026-03-01T09:15:00.000Z",
        "unlearning_started_at": "2026-03-01T09:15:00.000Z",
    }


def test_a_start_without_a_full_quorum_makes_no_statement() -> None:
    made = builders.case(plan_changes={"quorum": 2})

    with pytest.raises(RecordBroken, match="without a full quorum"):
        build_statement(made)


@pytest.mark.parametrize(
    "foreign",
    [
        {"clock": builders.clock_part(regime="uk-gdpr")},
        {"clock": builders.clock_part(regime_digest=builders.sha(77))},
        {"clock": builders.clock_part(time_zone="Europe/Berlin")},
        {"decisions": builders.decisions_part(digest=builders.sha(77))},
    ],
)
def test_a_clock_or_decisions_of_another_ticket_make_no_statement(foreign: dict[str, Any]) -> None:
    with pytest.raises(RecordBroken, match="clock of another regime, or decisions"):
        build_statement(builders.case(**foreign))


@pytest.mark.parametrize(("signed", "sentence"), [(True, "1 of 1 approvals are signed"), (False, "0 of 1 approvals are signed")])
def test_statement_says_how_many_approvals_are_signed(signed: bool, sentence: str) -> None:  # noqa: FBT001 - a table's column
    made = builders.case()
    unsigned = replace(made, approvals=(builders.approval(builders.digest_of(made.plan)),))

    declarations = build_statement(made if signed else unsigned)["predicate"]["declarations"]

    assert any(text.startswith(sentence) for text in declarations)
    # Even then nobody signed for submitting, planning and deciding.
    assert any("All other actors are self-declared" in text for text in declarations)


def test_statement_always_states_its_limits_and_that_it_is_self_attested() -> None:
    predicate = build_statement(builders.case())["predicate"]

    stated = [*predicate["declarations"], *predicate["limitations"]]

    assert set(ALWAYS_STATED) <= set(stated)
    assert any(text.startswith("Self-attested") for text in stated)
    assert any("self-declared" in text for text in stated)
    assert predicate["trail"]["attestation"] == "self-attested"


def test_statement_lists_untested_probes_of_the_protocol() -> None:
    probes = tuple(probe for probe in builders.passing_probes() if probe.probe_id in {"F1", "F2", "U1"})

    predicate = build_statement(builders.case(probes))["predicate"]

    assert {"R1", "R3", "R4", "F4", "U6"} <= set(predicate["not_tested"])
    assert not {"F1", "F2", "U1"} & set(predicate["not_tested"])


@pytest.mark.parametrize("part", ["ticket", "footprint", "unlearned", "verification"])
def test_records_of_two_tickets_make_no_statement(part: str) -> None:
    made = builders.case()
    foreign = replace(made, **{part: replace(getattr(made, part), ticket_id="tkt_02other")})

    with pytest.raises(RecordBroken, match="one attempt"):
        build_statement(foreign)


def test_records_of_two_plans_make_no_statement() -> None:
    made = builders.case()
    foreign = replace(made, unlearned=replace(made.unlearned, plan_digest=builders.sha(99)))

    with pytest.raises(RecordBroken, match=r"2 plan\(s\)"):
        build_statement(foreign)


def test_equal_cases_make_equal_bytes() -> None:
    first, second = builders.envelope(), builders.envelope()

    same = first == second

    assert same
