"""What a verification asks: made with the plan, sealed, opened again, encoded. Wakes torch.

The questions hold the person's words. They are written once, when the plan is made, and lie sealed with the ticket's key;
the plan names each set by its digest, so that what is asked is what was approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch
from rtbf.lm.encoding import training_items
from rtbf.lm.states.relearn import BATCH_ITEMS, CHECKS
from rtbf.lm.states.split import split_records
from rtbf.plan.card import probe_cards
from rtbf.plan.profile import profile_named
from rtbf.plan.record import PlannedSet, RelearnAttack
from rtbf.plan.run import Questions, planned_probes
from rtbf.verify.asked import Asked, asked_records, asked_set
from rtbf.verify.items.run import MAKERS, make_sets
from rtbf.verify.items.sealing import read_sets, set_digest, write_sets
from rtbf.verify.items.source import ItemSource, Sizes
from rtbf.verify.packs import read_packs
from rtbf.verify.passes import SIBLINGS, forwards_of_sets, planned_passes, sets_of
from rtbf.verify.states import Attack, relearning_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record
    from rtbf.plan.card import ProbeCard
    from rtbf.plan.record import Plan
    from rtbf.plan.request import PlanRequest
    from rtbf.verify.item_set import ItemSet

FORGET, HOLDOUT, EARLIER, HELD = "forget", "holdout", "earlier", "held"
RECORD_SETS = frozenset({FORGET, HOLDOUT, EARLIER, HELD})
"""Sets that are records of the corpus themselves; their words are not sealed a second time."""

RTT, BENIGN = "relearn-rtt", "relearn-benign"
SMALL_MODEL_PARAMETERS = 100_000_000
RELEARN_RATES = {True: "0.002", False: "0.0002"}
"""By whether the model is small: a tiny model does not move at 2e-4 (specs/facts.md), a large one breaks at 2e-3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The records a verification is about.

    earlier   records that earlier tickets removed from the same weights, as far as they can still be read
    """

    forget: Sequence[Record]
    retain: Sequence[Record]
    holdout: Sequence[Record]
    earlier: Sequence[Record]


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """How text becomes tokens: the original's tokenizer and the longest sequence."""

    tokenizer: PreTrainedTokenizerBase
    max_tokens: int


def make_questions(
    request: PlanRequest, told: Told, encoding: Encoding, *, profile: str, seed: int, n_controls: int, artefact_kind: str, n_parameters: int
) -> tuple[Questions, bytes]:
    """Return what the verification will ask, with its cost, and the item sets as bytes to be sealed.

    Raises what `make_sets` and `read_packs` raise.
    """
    sizes = profile_named(profile)
    packs = read_packs(request.packs, profile=profile, records={record.record_id for record in told.forget})
    cards = _cards(profile)
    wanted = {name for card in cards for name in sets_of(card)} & MAKERS.keys()
    made = make_sets(
        ItemSource(
            forget=told.forget,
            retain=told.retain,
            holdout=told.holdout,
            seed=seed,
            sizes=Sizes(
                siblings_per_record=sizes.siblings_per_record,
                candidates=sizes.candidates,
                neighbours=sizes.neighbours,
                forms_records=sizes.forms_records,
                sampled=sizes.sampled,
                samples=sizes.samples,
                names=sizes.names,
                fluency=sizes.fluency,
            ),
        ),
        wanted,
    )
    item_sets = (*made, *packs)
    has_attack = any(state.startswith((RTT, BENIGN)) for card in cards for state in card.states)
    relearn = _relearn_attack(told, seed, n_parameters, sizes.benign) if has_attack else None
    asked = asked_questions(item_sets, told, relearn, encoding)
    arms = ("original", "unlearned", *(f"control-{number}" for number in range(1, n_controls + 1)))
    passes = planned_passes(cards, not_empty(asked), arms, artefact_kind=artefact_kind)
    forwards = forwards_of_sets(passes)
    planned = tuple(
        PlannedSet(
            name=one.name,
            reads=one.reads,
            items=len(one.items),
            digest=one.source_digest,
            samples=one.samples,
            temperature=one.temperature,
            tokens=one.tokens,
            passes=forwards.get(one.name, 0),
            left_out=one.left_out,
        )
        for one in asked.values()
    )
    attacks = attacks_of(told, relearn, asked, encoding)
    tokens = sum(one.tokens * one.passes for one in planned) + relearning_tokens(attacks, passes, seed)
    return Questions(profile=profile, sets=planned, relearn=relearn, tokens=tokens), write_sets(item_sets)


def open_questions(plan: Plan, sealed: bytes) -> tuple[ItemSet, ...]:
    """Return the item sets of a plan from their opened bytes; raises ArtefactMismatch for any but the planned ones, RecordBroken."""
    item_sets = read_sets(sealed)
    planned = {one.name: one.digest for one in plan.sets if one.name not in RECORD_SETS}
    if {item_set.name: set_digest(item_set) for item_set in item_sets} != planned:
        raise ArtefactMismatch(
            found=f"{len(item_sets)} sealed item sets that are not the {len(planned)} of the plan",
            expected="the items whose digests were approved",
            remedy="restore the ticket's artefacts from a backup, or plan again with `rtbf plan TICKET`",
        )
    return item_sets


def asked_questions(item_sets: Sequence[ItemSet], told: Told, relearn: RelearnAttack | None, encoding: Encoding) -> dict[str, Asked]:
    """Return every set that can be asked, by name; items of records that are not in `told.forget` (withheld) drop out."""
    tokenizer, size = encoding.tokenizer, encoding.max_tokens
    attacker = set() if relearn is None else set(relearn.attacker_records)
    held = [] if relearn is None else [record for record in told.forget if record.record_id not in attacker]
    by_name = {FORGET: told.forget, HOLDOUT: told.holdout, EARLIER: told.earlier, HELD: held}
    asked = {name: asked_records(name, records, tokenizer, size) for name, records in by_name.items()}
    subject = {record.record_id for record in told.forget}
    return asked | {item_set.name: asked_set(item_set, subject, tokenizer, size) for item_set in item_sets}


def attacks_of(told: Told, relearn: RelearnAttack | None, asked: Mapping[str, Asked], encoding: Encoding) -> dict[str, Attack]:
    """Return the relearning attacks by name; who has too few records to split is attacked with sibling records."""
    if relearn is None:
        return {}
    rate = float(relearn.learning_rate)
    attacker, benign = set(relearn.attacker_records), set(relearn.benign_records)
    own = training_items([record for record in told.forget if record.record_id in attacker], encoding.tokenizer, encoding.max_tokens)
    others = training_items([record for record in told.retain if record.record_id in benign], encoding.tokenizer, encoding.max_tokens)
    return {
        RTT: Attack(name=RTT, items=own or asked[SIBLINGS].items, learning_rate=rate),
        BENIGN: Attack(name=BENIGN, items=others, learning_rate=rate),
    }


def _relearn_attack(told: Told, seed: int, n_parameters: int, n_benign: int) -> RelearnAttack:
    halves = split_records((record.record_id for record in told.forget), seed)
    return RelearnAttack(
        attacker_records=() if halves is None else halves[0],
        benign_records=tuple(record.record_id for record in told.retain[:n_benign]),
        learning_rate=RELEARN_RATES[n_parameters < SMALL_MODEL_PARAMETERS],
        steps=CHECKS[-1],
        batch=BATCH_ITEMS,
    )


def _cards(profile: str) -> list[ProbeCard]:
    cards = probe_cards()
    return [cards[planned.name] for planned in planned_probes(profile)]


def not_empty(asked: Mapping[str, Asked]) -> dict[str, Asked]:
    """Return the sets that hold an item: the others are not asked, and their probes do not apply."""
    return {name: one for name, one in asked.items() if one.items}
