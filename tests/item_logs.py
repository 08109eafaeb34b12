"""Made-up item logs, and the statement that an honest verification of their scores would give."""

from __future__ import annotations

import functools
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.evidence.shape import read_shape
from rtbf.lm.item_scores import ItemScores
from rtbf.plan.card import code_digest, load, probe_cards
from rtbf.plan.record import PlannedProbe
from rtbf.report.predicate import StatementBody
from rtbf.report.statement import build_statement
from rtbf.statistics.drawn import drawn_by
from rtbf.verify.item_log import ArmScores, ItemLog, read_item_log, repeat_delta, write_item_log
from rtbf.verify.measure import measure_from_log
from tests import builders

if TYPE_CHECKING:
    from rtbf.report.predicate import Predicate
    from rtbf.verify.probe import Probe
    from rtbf.verify.record import ProbeResult

SEED = 17
ARMS = ("original", "unlearned", "control-101", "control-102")
LEVELS = {"original": -0.1, "unlearned": -1.9, "control-101": -2.0, "control-102": -2.1, "off": -0.1}


def item_scores(rng: random.Random, records: int, level: float) -> list[ItemScores]:
    """Return two items for every third record and one for the others, of 4 to 9 tokens."""
    made = []
    shape = random.Random("shape")
    for number in range(records):
        for _ in range(2 if number % 3 == 0 else 1):
            size = shape.randint(4, 9)
            log_probs = tuple(level * rng.uniform(0.5, 1.5) for _ in range(size))
            hits = tuple(rng.random() < math.exp(value / 2) for value in log_probs)
            made.append(ItemScores(record_id=f"r{number:04}", log_probs=log_probs, hits=hits, has_end=size % 2 == 0))
    return made


def item_log(records: int = 20, kind: str = "merged") -> ItemLog:
    rng = random.Random(f"log:{records}")
    forget, holdout = [{name: item_scores(rng, count, level) for name, level in LEVELS.items()} for count in (records, 5)]
    arms = [
        ArmScores(
            original=side["original"],
            unlearned=side["unlearned"],
            controls=(side["control-101"], side["control-102"]),
            adapter_off=side["off"] if kind == "adapter" and side is forget else None,
        )
        for side in (forget, holdout)
    ]
    again = [replace(one, log_probs=tuple(value + 1e-6 for value in one.log_probs)) for one in forget["unlearned"]]
    return ItemLog(arms=ARMS, forget=arms[0], holdout=arms[1], again=again)


def planned_probes() -> tuple[PlannedProbe, ...]:
    return tuple(
        PlannedProbe(
            probe_id=card.probe_id, name=card.name, family=card.family, code_digest=code_digest("probe", card.name), unit=card.unit,
            direction=card.direction, margin=card.margin, margin_origin=card.margin_origin,
        )
        for card in sorted(probe_cards().values(), key=lambda card: card.probe_id)
    )  # fmt: skip


def signed_statement(log: bytes, kind: Any = "merged", environment: dict[str, str] | None = None) -> Predicate:
    """Return the statement that an honest verification of these scores would give."""
    scores = read_item_log(log)
    cards = probe_cards()
    results = tuple(
        measure_from_log(planned, cards[planned.name], cast("Probe", load("probe", planned.name)), scores, seed=SEED, artefact_kind=kind)
        for planned in planned_probes()
    )
    built = build_statement(builders.case(results))
    predicate = read_shape(StatementBody, {"subject": built["subject"], "predicate": built["predicate"]}).predicate
    measured = replace(
        predicate.measured,
        artefact_kind=kind,
        environment={**dict(drawn_by()), **(environment or {})},
        repeat_delta_nats=f"{repeat_delta(scores):.9f}",
        item_log_digest=digest_bytes(log),
    )
    return replace(predicate, plan=replace(predicate.plan, probes=planned_probes(), seed=SEED), measured=measured)


@functools.cache
def honest(records: int = 20, kind: str = "merged") -> tuple[Predicate, bytes]:
    log = write_item_log(item_log(records, kind))
    return signed_statement(log, kind), log


def with_log(predicate: Predicate, log: Any) -> tuple[Predicate, bytes]:
    """Return the statement with the digest of another log: what a signer who lies would sign."""
    raw = canonical_bytes(log)
    return replace(predicate, measured=replace(predicate.measured, item_log_digest=digest_bytes(raw))), raw


def with_probe(predicate: Predicate, probe_id: str, **changes: Any) -> Predicate:
    probes = tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in predicate.probes)
    return replace(predicate, probes=probes)


def probe_of(predicate: Predicate, probe_id: str) -> ProbeResult:
    return next(probe for probe in predicate.probes if probe.probe_id == probe_id)
