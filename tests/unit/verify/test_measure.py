"""From a log to a probe's result, against school arithmetic; and whatever is missing or broken never reads as "nothing found"."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from scipy import stats

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.plan.card import load, probe_cards
from rtbf.plan.run import planned_probes
from rtbf.verify.measure import measure_from_log
from rtbf.verify.observed import Observed, PassKey
from rtbf.verify.record import Arm
from tests import builders

if TYPE_CHECKING:
    from rtbf.verify.record import ProbeResult

ARMS = ("original", "unlearned", "control-1", "control-2")
PLANNED = {probe.name: probe for probe in planned_probes("standard")}
LEVELS = {"original": -0.1, "unlearned": -1.0, "control-1": -1.2, "control-2": -1.4}


def _arms(names: tuple[str, ...] = ARMS) -> tuple[Arm, ...]:
    roles: Any = {"original": "original", "unlearned": "unlearned"}
    return tuple(
        Arm(
            name=name, role=roles.get(name, "control"), digest=builders.sha(90 + place), tokenizer=builders.sha(80), adapter_state="none",
            seed=None,
        )
        for place, name in enumerate(names)
    )  # fmt: skip


def _score(record_id: str, level: float, n: int = 6, **changes: Any) -> ItemScores:
    made = ItemScores(record_id=record_id, log_probs=(level,) * n, hits=(level > -0.5,) * n, has_end=False)
    return replace(made, **changes)


def _forget(records: int = 8, names: tuple[str, ...] = ARMS, per_record: int = 1) -> dict[PassKey, tuple[Any, ...]]:
    """Return scores of the forget set for every arm, each record a little off its arm's level, and the repeat measurement."""
    passes: dict[PassKey, tuple[Any, ...]] = {}
    for arm in names:
        found = tuple(
            _score(f"r{record}", LEVELS[arm] - 0.01 * record - (0.3 if item else 0.0))
            for record in range(records)
            for item in range(per_record)
        )
        passes[PassKey(items="forget", arm=arm, state="")] = found
    passes[PassKey(items="forget", arm="unlearned", state="again")] = passes[PassKey(items="forget", arm="unlearned", state="")]
    return passes


def _measured(
    name: str, passes: dict[PassKey, tuple[Any, ...]], names: tuple[str, ...] = ARMS, kind: str = "merged", **changes: Any
) -> ProbeResult:
    probe = changes.pop("probe", None) or load("probe", name)
    arms = changes.pop("arms", None) or _arms(names)
    observed = Observed(arms=names, passes=passes, **changes)
    return measure_from_log(PLANNED[name], probe_cards()[name], probe, observed, arms=arms, seed=11, artefact_kind=kind)


def test_records_are_paired_with_the_controls_mean_and_every_sign_is_tried() -> None:
    found = _measured("answer_probability", _forget())

    # Every record's effect is −1.0 − (−1.3) = 0.3, whatever its own level.
    assert (found.before, found.after, found.control) == ("-0.135000", "-1.035000", "-1.335000")
    assert (found.estimate, found.compared_with) == ("0.300000", "control models")
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == ("0.300000", "0.300000")
    assert found.assay is not None
    assert found.assay.low == "1.200000"
    assert (found.p_leak, found.p_trace, found.p_attainable) == (f"{2**-8:.9f}", "1.000000000", f"{2**-8:.9f}")
    assert (found.n_records, found.n_items, found.n_excluded, found.problem) == (8, 8, 0, None)


def test_with_unequal_effects_interval_and_p_follow_students_t_and_all_sign_patterns() -> None:
    passes = _forget()
    key = PassKey(items="forget", arm="unlearned", state="")
    shifts = (0.5, -0.2, 0.4, 0.1, 0.3, -0.1, 0.6, 0.2)
    passes[key] = tuple(_score(f"r{place}", -1.0 - 0.01 * place + shift) for place, shift in enumerate(shifts))
    passes[replace(key, state="again")] = passes[key]
    effect = [0.3 + shift for shift in shifts]

    found = _measured("answer_probability", passes)

    mean = sum(effect) / 8
    half = stats.t.ppf(0.95, 7) * stats.tstd(effect) / math.sqrt(8)
    patterns = [sum(sign * value for sign, value in zip(signs, effect, strict=True)) / 8 for signs in product((1, -1), repeat=8)]
    assert found.interval is not None
    assert float(found.estimate or 0) == pytest.approx(mean, abs=1e-6)
    assert (float(found.interval.low), float(found.interval.high)) == pytest.approx((mean - half, mean + half), abs=1e-6)
    assert float(found.p_leak or -1) == sum(value >= mean - 1e-12 for value in patterns) / 256
    assert 0 < float(found.power or -1) < 1


def test_items_of_one_record_never_count_as_independent_and_order_does_not_matter() -> None:
    passes = _forget(per_record=3)
    turned = {key: found[::-1] for key, found in passes.items()}

    found, other = _measured("answer_probability", passes), _measured("answer_probability", turned)

    assert (found.n_records, found.n_items) == (8, 24)
    assert found.p_attainable == f"{2**-8:.9f}"
    assert (found.estimate, found.p_leak) == (other.estimate, other.p_leak)


def test_exact_ranks_take_the_item_and_guessing_for_what_they_are() -> None:
    def choices(rank: int) -> tuple[ChoiceScores, ...]:
        others = tuple(-float(place) for place in range(1, 100))
        return tuple(
            ChoiceScores(record_id="r1", label="phone", true=-rank + 0.5, true_tokens=4, others=others, others_tokens=(4,) * 99)
            for _ in range(5)
        )

    ranks = {"original": 1, "unlearned": 51, "control-1": 50, "control-2": 50}
    passes = {PassKey(items="secrets", arm=arm, state=""): choices(rank) for arm, rank in ranks.items()}

    found = _measured("counterfactual_rank", passes)
    known = _measured("counterfactual_rank", {key: choices(1) for key in passes})

    assert (found.compared_with, found.n_records, found.n_items) == ("chance", 1, 5)
    assert (found.control, found.before) == ("0.500000", "0.995000")
    assert float(found.after or 0) == pytest.approx(1 - 50.5 / 100)
    assert found.p_leak is not None
    assert float(found.p_leak) > 0.4
    assert known.p_leak == "0.000000000"  # (1/100)^5 to nine places


def test_generations_are_counted_and_bounded_by_fishers_test_and_conservative_ends() -> None:
    def replies(leaks: int) -> tuple[ReplyScores, ...]:
        one = ReplyScores(
            record_id="r", label="qa", samples=100, leaks=leaks, refusals=0, rouge_recall=0.0, rouge_f1=0.0, repeats=0.0, entropy=1.0
        )
        return tuple(replace(one, record_id=f"r{place}") for place in range(4))

    leaks = {"original": 90, "unlearned": 3, "control-1": 1, "control-2": 0}
    passes = {PassKey(items="sampling", arm=arm, state=""): replies(count) for arm, count in leaks.items()}

    found = _measured("sampling", passes)

    assert (found.after, found.control) == (f"{12 / 400:.6f}", f"{4 / 800:.6f}")
    assert float(found.estimate or 0) == pytest.approx(0.03 - 0.005)
    exact = stats.fisher_exact([[12, 388], [4, 796]], alternative="greater").pvalue
    assert float(found.p_leak or -1) == pytest.approx(exact, abs=1e-9)
    assert found.interval is not None
    assert float(found.interval.low) < 0.025 < float(found.interval.high)


def test_without_control_models_the_same_models_sibling_records_stand_in() -> None:
    names = ARMS[:2]
    passes = _forget(names=names)
    for arm, level in (("original", -3.0), ("unlearned", -1.5)):
        key = PassKey(items="siblings", arm=arm, state="")
        passes[key] = tuple(_score(f"r{record}", level) for record in range(8) for _ in range(2))

    found = _measured("answer_probability", passes, names)
    alone = _measured("answer_probability", {key: value for key, value in passes.items() if key.items == "forget"}, names)

    assert found.compared_with == "siblings"
    assert (found.control, found.assay is not None and found.assay.low > "2") == ("-1.500000", True)
    assert float(found.estimate or 0) == pytest.approx(-1.035 + 1.5)
    assert (alone.compared_with, alone.estimate, alone.p_leak) == (None, None, None)


def test_utility_is_after_less_before_and_has_no_test() -> None:
    passes = _forget()
    for arm in ARMS:
        passes[PassKey(items="holdout", arm=arm, state="")] = tuple(_score(f"h{place}", LEVELS[arm]) for place in range(5))

    found = _measured("retain_loss", passes)

    assert (found.estimate, found.compared_with, found.p_leak, found.assay) == ("0.900000", "before", None, None)


def test_a_witness_is_what_no_control_gives_back_and_for_earlier_tickets_what_was_not_there_before() -> None:
    whole = {"original": True, "unlearned": True, "control-1": False, "control-2": False}
    passes = {
        PassKey(items=items, arm=arm, state=state): (_score("r1", -0.1, hits=(has,) * 6), _score("r2", -0.1, hits=(False,) * 6))
        for arm, has in whole.items()
        for items in ("forget", "earlier")
        for state in ("", "again")
    }
    guessed = dict(passes)
    guessed[PassKey(items="forget", arm="control-2", state="")] = passes[PassKey(items="forget", arm="original", state="")]

    assert _measured("verbatim_completion", passes).witnesses == 1
    assert _measured("verbatim_completion", guessed).witnesses == 0
    assert _measured("earlier_tickets", passes).witnesses == 0  # the original gave it back already


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("arm", ARMS)
def test_a_number_that_is_not_finite_in_any_arm_is_numeric(bad: float, arm: str) -> None:
    passes = _forget()
    key = PassKey(items="forget", arm=arm, state="")
    passes[key] = (_score("r0", -1.0, log_probs=(bad,) * 6), *passes[key][1:])

    found = _measured("answer_probability", passes)

    assert (found.problem, found.estimate, found.p_leak, found.witnesses) == ("NUMERIC", None, None, None)


def test_a_nan_is_seen_by_probes_that_look_at_hits_alone() -> None:
    passes = _forget()
    key = PassKey(items="forget", arm="unlearned", state="")
    passes[key] = tuple(replace(entry, log_probs=(math.nan,) * 6, hits=(False,) * 6) for entry in passes[key])

    assert _measured("verbatim_completion", passes).problem == "NUMERIC"


def test_a_batch_layout_that_moves_a_token_too_far_makes_a_probe_in_nats_numeric() -> None:
    passes = _forget()
    key = PassKey(items="forget", arm="unlearned", state="again")
    passes[key] = tuple(replace(entry, log_probs=(entry.log_probs[0] + 0.011, *entry.log_probs[1:])) for entry in passes[key])

    assert _measured("answer_probability", passes).problem == "NUMERIC"
    assert _measured("extraction_strength", passes).problem is None


@pytest.mark.parametrize("reason", ["TIMED_OUT", "PROBE_ERROR", "NUMERIC"])
def test_a_pass_that_gave_nothing_gives_its_reason_and_no_number(reason: str) -> None:
    passes = _forget()
    lost = PassKey(items="forget", arm="control-2", state="")
    del passes[lost]

    found = _measured("answer_probability", passes, failed={lost: reason})

    assert (found.problem, found.estimate, found.n_items) == (reason, None, 0)


def test_a_pass_that_was_never_made_and_a_probe_that_crashes_are_errors_and_no_findings() -> None:
    passes = _forget()
    del passes[PassKey(items="forget", arm="control-1", state="")]

    def crash(_scores: ItemScores) -> float:
        raise ZeroDivisionError

    assert _measured("answer_probability", passes).problem == "PROBE_ERROR"
    assert _measured("answer_probability", _forget(), probe=SimpleNamespace(value=crash)).problem == "PROBE_ERROR"


def test_what_does_not_apply_says_why() -> None:
    assert _measured("adapter_off", _forget()).not_applicable == "MERGED"
    assert _measured("adapter_off", _forget(), kind="unchanged").not_applicable == "UNCHANGED"
    assert _measured("counterfactual_rank", _forget()).not_applicable == "NO_ITEMS"
    assert _measured("translation", _forget()).not_applicable == "NO_PACK"


def test_a_control_with_the_files_of_another_arm_compares_nothing() -> None:
    arms = _arms()
    twins = (arms[0], arms[1], replace(arms[2], digest=arms[1].digest), arms[3])

    found = _measured("answer_probability", _forget(), arms=twins)

    assert (found.problem, found.estimate) == ("IDENTICAL_ARMS", None)


@pytest.mark.parametrize(
    ("blind", "problem"),
    [(None, "BLIND_GATE"), (("0.520000", "0.420000", "0.620000"), None), (("0.700000", "0.600000", "0.800000"), "BLIND_GATE")],
)
def test_a_membership_test_that_needs_no_model_says_nothing(blind: tuple[str, str, str] | None, problem: str | None) -> None:
    passes = _forget()
    for arm in ARMS:
        passes[PassKey(items="siblings", arm=arm, state="")] = tuple(_score(f"r{record}", -1.3) for record in range(8))

    found = _measured("membership_mink", passes, blind_auc={} if blind is None else {"siblings": blind})

    assert found.problem == problem
    assert (found.before, found.control) == ((None, None) if problem else ("1.000000", "0.500000"))


def test_one_record_and_answers_of_one_token_decide_nothing() -> None:
    single = _measured("answer_probability", _forget(records=1))
    short = _measured("extraction_strength", {key: (_score("r0", -0.1, n=1),) for key in _forget(records=1)})

    assert (single.interval, single.p_attainable) == (None, "0.500000000")
    assert (short.n_items, short.n_excluded, short.estimate) == (0, 1, None)


def test_pieces_are_told_apart_by_label_and_state() -> None:
    passes = _forget()
    for arm in ARMS:
        for step in (0, 5, 10, 25, 50):
            state = "" if arm == "original" else f"relearn-rtt@{step}"
            level = LEVELS[arm] * (1 - step / 100)
            passes[PassKey(items="held", arm=arm, state=state)] = tuple(_score(f"r{record}", level) for record in range(4))

    found = _measured("relearning", passes)

    assert [part.name for part in found.parts] == [f"relearn-rtt@{step}" for step in (0, 5, 10, 25, 50)]
    assert [part.after for part in found.parts] == [f"{-1 + step / 100:.6f}" for step in (0, 5, 10, 25, 50)]
    # The area under a straight line over 50 steps is its middle: −0.75 against −1.3 · 0.75.
    assert float(found.estimate or 0) == pytest.approx(-0.75 + 0.975)
