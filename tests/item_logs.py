"""Made-up item logs over every set and state, and the statement that an honest verification of them would give."""

from __future__ import annotations

import functools
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.evidence.shape import read_shape
from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.plan.card import load, probe_cards
from rtbf.plan.record import PlannedSet
from rtbf.plan.run import planned_probes
from rtbf.report.predicate import StatementBody
from rtbf.report.statement import build_statement
from rtbf.statistics.drawn import drawn_by
from rtbf.verify.item_log import read_item_log, repeat_delta, write_item_log
from rtbf.verify.measure import measure_from_log
from rtbf.verify.observed import Observed
from rtbf.verify.passes import planned_passes
from rtbf.verify.record import Arm, MeasuredSet
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.report.predicate import Predicate
    from rtbf.verify.observed import Observation, PassKey
    from rtbf.verify.record import ProbeResult

SEED = 17
PROFILE = "smoke"
"""What most tests look at: every rule of the log with the fewest probes."""
ARMS = ("original", "unlearned", "control-101", "control-102")
LEVELS = {"original": -0.1, "unlearned": -1.9, "control-101": -2.0, "control-102": -2.1}
SUBJECT_SETS = ("forget", "held", "siblings")
READS = {
    **dict.fromkeys((*SUBJECT_SETS, "holdout", "earlier"), "score"),
    **dict.fromkeys(("secrets", "population", "wrong_answers", "multiple_choice", "neighbours", "retain_choices"), "choice"),
    **dict.fromkeys(
        ("forms", "jailbreaks", "sampling", "sampling_cool", "in_context", "fluency", "name_refusal", "retain_answers"), "reply"
    ),
}
"""Every set that needs nothing from the operator."""

LABELS = {"forms": ("qa", "cloze"), "jailbreaks": ("role_play", "repeat"), "secrets": ("phone", "id"), "fluency": ("subject", "neutral")}


def level_of(key: PassKey) -> float:
    """Return the mean log-prob of a pass: relearned, and without its adapter, an artefact knows a little more."""
    level = LEVELS[key.arm]
    if key.state == "adapter-off":
        return LEVELS["original"] if key.arm == ARMS[1] else level
    _, at, step = key.state.partition("@")
    return level * (1 - int(step) / 100) if at else level


def item_scores(key: PassKey, records: int) -> list[ItemScores]:
    """Return two items for every third record and one for the others, of 4 to 9 tokens."""
    rng, shape, level = random.Random(f"{key}"), random.Random(f"shape:{key.items}"), level_of(key)
    if key.state == "again":
        rng = random.Random(f"{replace(key, state='')}")
    made = []
    for number in range(records):
        for _ in range(2 if number % 3 == 0 else 1):
            size = shape.randint(4, 9)
            drift = 1e-6 if key.state == "again" else 0.0
            log_probs = tuple(level * rng.uniform(0.5, 1.5) + drift for _ in range(size))
            rest = [(), (), ()] if key.state else [tuple(value * share for value in log_probs) for share in (1.1, -0.3, 0.9)]
            made.append(
                ItemScores(
                    record_id=f"r{number:04}",
                    log_probs=log_probs,
                    hits=tuple(rng.random() < math.exp(value / 2) for value in log_probs),
                    has_end=size % 2 == 0,
                    means=rest[0],
                    deviations=rest[1],
                    cool_log_probs=rest[2],
                    zlib_bytes=20 + size,
                )
            )
    return made


def choice_scores(key: PassKey, records: int) -> list[ChoiceScores]:
    rng, level = random.Random(f"{key}"), LEVELS[key.arm]
    labels = LABELS.get(key.items, ("answer",))
    return [
        ChoiceScores(
            record_id=f"r{number:04}",
            label=labels[number % len(labels)],
            true=4 * level * rng.uniform(0.5, 1.5),
            true_tokens=4,
            others=tuple(-8.0 * rng.uniform(0.5, 1.5) for _ in range(9)),
            others_tokens=(4,) * 9,
        )
        for number in range(records)
    ]


def reply_scores(key: PassKey, records: int) -> list[ReplyScores]:
    rng = random.Random(f"{key}")
    samples = 16 if key.items.startswith("sampling") else 1
    share = math.exp(LEVELS[key.arm])
    return [
        ReplyScores(
            record_id=f"r{number:04}",
            label=label,
            samples=samples,
            leaks=sum(rng.random() < share for _ in range(samples)),
            refusals=0,
            rouge_recall=rng.random() * share,
            rouge_f1=rng.random() * share,
            repeats=rng.random() / 10,
            entropy=2 + rng.random(),
        )
        for number in range(records)
        for label in LABELS.get(key.items, ("qa",))
    ]


MAKERS: dict[str, Callable[[Any, int], list[Any]]] = {"score": item_scores, "choice": choice_scores, "reply": reply_scores}


def item_log(records: int = 20, kind: str = "merged", profile: str = PROFILE) -> Observed:
    """Return what every planned pass over every set found; 5 records of others, half of the person's for the relearning probe."""
    cards = [probe_cards()[planned.name] for planned in planned_probes(profile)]
    sizes = dict.fromkeys(READS, 5) | dict.fromkeys(("forget", "siblings", "secrets", "forms", "sampling"), records)
    sizes["held"] = max(1, records // 2)
    passes: dict[PassKey, tuple[Observation, ...]] = {}
    for key in planned_passes(cards, READS, ARMS, artefact_kind=kind):
        passes[key] = tuple(MAKERS[READS[key.items]](key, sizes[key.items]))
    return Observed(arms=ARMS, passes=passes, blind_auc={"siblings": ("0.510000", "0.400000", "0.620000")})


def arms() -> tuple[Arm, ...]:
    roles: Any = ("original", "unlearned", "control", "control")
    return tuple(
        Arm(name=name, role=role, digest=builders.sha(70 + place), tokenizer=builders.sha(69), adapter_state="none", seed=None)
        for place, (name, role) in enumerate(zip(ARMS, roles, strict=True))
    )


def signed_statement(log: bytes, kind: Any = "merged", environment: dict[str, str] | None = None, profile: str = PROFILE) -> Predicate:
    """Return the statement that an honest verification of these scores would give."""
    scores = read_item_log(log)
    cards = probe_cards()
    probes = planned_probes(profile)
    results = tuple(
        measure_from_log(planned, cards[planned.name], load("probe", planned.name), scores, arms=arms(), seed=SEED, artefact_kind=kind)
        for planned in probes
    )
    built = build_statement(builders.case(results))
    predicate = read_shape(StatementBody, {"subject": built["subject"], "predicate": built["predicate"]}).predicate
    delta = repeat_delta(scores)
    sizes = {key.items: len(found) for key, found in scores.passes.items()}
    measured = replace(
        predicate.measured,
        artefact_kind=kind,
        arms=arms(),
        environment={**dict(drawn_by()), **(environment or {})},
        repeat_delta_nats=None if delta is None else f"{delta:.9f}",
        sets=tuple(MeasuredSet(name=name, items=size, passes=1, planned_tokens=1, tokens=1) for name, size in sorted(sizes.items())),
        item_log_digest=digest_bytes(log),
    )
    sets = tuple(
        PlannedSet(
            name=name, reads=READS[name], items=size, digest=builders.sha(68), samples=1, temperature="0", tokens=1, passes=1, left_out=(),  # type: ignore[arg-type]
        )
        for name, size in sorted(sizes.items())
    )  # fmt: skip
    return replace(predicate, plan=replace(predicate.plan, probes=probes, sets=sets, seed=SEED), measured=measured)


@functools.cache
def honest(records: int = 20, kind: str = "merged", profile: str = PROFILE) -> tuple[Predicate, bytes]:
    log = write_item_log(item_log(records, kind, profile))
    return signed_statement(log, kind, profile=profile), log


def with_log(predicate: Predicate, log: Any) -> tuple[Predicate, bytes]:
    """Return the statement with the digest of another log: what a signer who lies would sign."""
    raw = canonical_bytes(log)
    return replace(predicate, measured=replace(predicate.measured, item_log_digest=digest_bytes(raw))), raw


def with_probe(predicate: Predicate, probe_id: str, **changes: Any) -> Predicate:
    probes = tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in predicate.probes)
    return replace(predicate, probes=probes)


def probe_of(predicate: Predicate, probe_id: str) -> ProbeResult:
    return next(probe for probe in predicate.probes if probe.probe_id == probe_id)


def pass_of(log: Any, items: str, arm: str, state: str = "") -> Any:
    """Return one pass of a log that was parsed as JSON."""
    return next(entry for entry in log["passes"] if (entry["items"], entry["arm"], entry["state"]) == (items, arm, state))
