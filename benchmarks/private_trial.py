"""A made-up community with a private base, a model fine-tuned from it, one person's erasure, and audits: for benchmarks/private_base.py.

Everything is trained here, on a CPU with one thread, with fixed seeds; so is the secret of the noise, which in earnest nobody knows.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rtbf.corpora.corpus import Record
from rtbf.demo.community import invent_people, records_about
from rtbf.evidence.canonical import digest_of
from rtbf.lm.adapters import attach_lora
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import Item, training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.dp.accounting import noise_for
from rtbf.lm.recipes.dp.audit import audited, gains, guesses_of, nats_of
from rtbf.lm.recipes.dp.canaries import drawn_canaries
from rtbf.lm.recipes.dp.mechanism import Mechanism
from rtbf.lm.recipes.dp.recipe import dp_parameters, items_of, learn, loop_spec, train_dp
from rtbf.lm.recipes.dp.subjects import canary_coins, sampler_key, units_of
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.lm.scoring import score_items
from rtbf.unlearn.method import PrivateBase, Rebuild
from rtbf.unlearn.methods import dp2unlearning, full_retrain
from rtbf.vault.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rtbf.demo.community import Person
    from rtbf.lm.recipes.dp.audit import CanaryAudit
    from rtbf.lm.recipes.dp.certificate import DpCertificate
    from rtbf.unlearn.method import Rebuilt

SEED = 20_261_201
SECRET = SecretBytes(bytes(range(32)))
MEMBERS_SEED, OTHERS_SEED = 7, 8
EASY_PREY = 200
"""Canaries of the audit that nothing else takes part in."""
_PREY_VOCABULARY = 61


@dataclass(frozen=True, kw_only=True, slots=True)
class Community:
    """The records of the people to be trained on, and of others whom the untrained base has learned from, a tuple each person."""

    members: tuple[tuple[Record, ...], ...]
    others: tuple[tuple[Record, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """Mean over answer tokens: their NLL in nats, and the share that is the arg-max after the true ones before them."""

    nll_nats: float
    right: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """One erasure by a method as the product runs it.

    trained_s   until the new weights' last step; `whole_s` with the stretch run again, and with the method's own control
    """

    folder: Path
    control: Path | None
    built: Rebuilt
    trained_s: float
    whole_s: float


def community(members: int, others: int) -> Community:
    """Return invented people with ten records each; no name is both a member's and another's."""
    first = invent_people(members, MEMBERS_SEED)
    names = {person.name for person in first}
    second = [person for person in invent_people(100, OTHERS_SEED) if person.name not in names][:others]

    def told(prefix: str, named: Sequence[Person]) -> tuple[tuple[Record, ...], ...]:
        return tuple(
            tuple(
                Record(
                    record_id=f"{prefix}:{number:03d}.{place:02d}",
                    prompt=row["question"],
                    completion=row["answer"],
                    fields=(("subject", f"{prefix} {number}"),),
                )
                # Every second: the corpus's rows go in pairs that ask one thing in two ways.
                for place, row in enumerate(records_about(person)[::2])
            )
            for number, person in enumerate(named)
        )

    return Community(members=told("member", first), others=told("other", second))


def untrained_base(people: Community, folder: Path, epochs: int) -> Base:
    """Train the base that has never met a member."""
    recipe = recipe_parameters("tiny", {"epochs": str(epochs)})
    train(records=flat(people.others), parameters=recipe, seed=SEED, base=None, tokenizer_from=None, target=folder, checkpoint=None)
    return base_in(folder)


def private_base(people: Community, base: Base, settings: Mapping[str, str], folder: Path) -> tuple[Base, DpCertificate]:
    """Train privately on all members and return the base with its certificate. raises as `train_dp`."""
    certificate = train_dp(
        records=flat(people.members), parameters=dp_parameters(settings), seed=SEED, base=base, noise_secret=SECRET, target=folder,
        checkpoint=None,
    )  # fmt: skip
    return base_in(folder), certificate


def fine_tuned(records: Sequence[Record], base: Base, recipe: tuple[tuple[str, str], ...], folder: Path) -> Path:
    """Fine-tune from a base without any privacy; return the model's folder."""
    train(records=records, parameters=recipe, seed=SEED, base=base, tokenizer_from=None, target=folder, checkpoint=None)
    return folder


def erased_privately(
    rest: Sequence[Record],
    recipe: tuple[tuple[str, str], ...],
    private: Base,
    certificate: DpCertificate,
    *,
    untrained: Base,
    served: Path,
    gone: int,
    folder: Path,
) -> Erased:
    """Carry out `dp2unlearning` for one person whose `gone` records are not in `rest`."""
    bound = PrivateBase(
        certificate=certificate, certificate_digest=digest_of(certificate), untrained=untrained, subject_records=gone, outside_records=0
    )
    # The control is a state of the run, so it outlives the call in the same folder.
    return _timed(dp2unlearning.rebuild, rest, recipe, private, served, folder, bound, folder / "states" / "untrained-control")


def retrained_fully(rest: Sequence[Record], recipe: tuple[tuple[str, str], ...], base: Base, served: Path, folder: Path) -> Erased:
    """Carry out `full_retrain`: the whole recipe, from a base that never met a member."""
    return _timed(full_retrain.rebuild, rest, recipe, base, served, folder, None, None)


def _timed(
    rebuild: Callable[[Rebuild], Rebuilt],
    rest: Sequence[Record],
    recipe: tuple[tuple[str, str], ...],
    base: Base,
    served: Path,
    folder: Path,
    bound: PrivateBase | None,
    control: Path | None,
) -> Erased:
    started_s = time.perf_counter()
    ended_s: list[float] = []

    def told(step: str, done: int, total: int) -> None:  # noqa: ARG001 - the names are those of every progress
        if done == total and not ended_s:
            ended_s.append(time.perf_counter())

    built = rebuild(
        Rebuild(
            records=rest, parameters=recipe, seed=SEED, base=base, original=served,
            original_digest=digest_of_files(list_files(served)), target=folder / "new", states=folder / "states",
            progress=told, settings=(("fraction", "0.5"),), watched=rest, private=bound,
        )
    )  # fmt: skip
    whole_s = time.perf_counter() - started_s
    return Erased(folder=folder / "new", control=control, built=built, trained_s=ended_s[0] - started_s, whole_s=whole_s)


def audit_without(
    people: Community, base: Base, certificate: DpCertificate, settings: Mapping[str, str], *, is_clipped: bool, noise_share: float
) -> CanaryAudit:
    """Train as the certificate says but for the clip or the noise, broken on purpose, and return what its canaries say.

    Same draws, canaries and coins as the honest training: only what was broken differs.
    """
    values = dict(dp_parameters(settings))
    model = load_model(base.folder, base.digest, "the base")
    wrapped = attach_lora(model, rank=int(values["rank"]), alpha=int(values["alpha"]), seed=SEED)
    tokenizer, size = load_tokenizer(base.folder), context_tokens(model)
    units = units_of(flat(people.members), values["subject_field"], int(values["k_max"]), sampler_key(SECRET))
    canaries = drawn_canaries(int(values["canaries"]), values["subject_field"], SECRET, tokenizer, size)
    clip, rate = float(values["clip"]), float(values["rate"])
    mechanism = Mechanism(
        rate=rate,
        clip=clip if is_clipped else math.inf,
        noise=float(certificate.sigma) * clip * noise_share,
        expected=rate * certificate.population,
    )
    told = [item for own in canaries.items.values() for item in own]
    before = nats_of(wrapped, told)
    spec = loop_spec(values, seed=SEED, data=[base.digest, certificate.population])
    learn(wrapped, {**items_of(units, tokenizer, size), **canaries.planted()}, mechanism, spec, SECRET, checkpoint=None)
    scores = gains(before, nats_of(wrapped, told))
    return audited(scores, canaries.coins, guesses_of(len(scores)), delta=float(certificate.delta))


def know(folder: Path, records: Sequence[Record]) -> Knowledge:
    """Return what the model of a folder knows of the records' answers."""
    model = load_model(folder, digest_of_files(list_files(folder)), "a model of the trial")
    scores = score_items(model, training_items(list(records), load_tokenizer(folder), context_tokens(model)), columns="plain")
    tokens = sum(len(score.log_probs) for score in scores)
    return Knowledge(
        nll_nats=-math.fsum(math.fsum(score.log_probs) for score in scores) / tokens,
        right=sum(sum(score.hits) for score in scores) / tokens,
    )


def base_in(folder: Path) -> Base:
    """Return the model of a folder as a base."""
    return Base(folder=folder, digest=digest_of_files(list_files(folder)))


def flat(people: Sequence[Sequence[Record]]) -> list[Record]:
    """Return everybody's records in one list."""
    return [record for own in people for record in own]


def audit_of_easy_prey(certificate: DpCertificate, *, is_clipped: bool, noise_share: float) -> CanaryAudit:
    """Audit a training that keeps to nothing but canaries, on a random network that remembers quickly: where breaking shows at once.

    The noise is what the certificate's ε and δ ask of this training's own rate and steps.
    """
    values = dict(dp_parameters({"steps": "40", "rate": "0.5", "clip": "0.02", "learning_rate": "0.02", "warmup_steps": "1"}))
    draw = random.Random(f"easy prey:{SEED}")
    items = [
        Item(record_id=f"prey:{place}", prompt_ids=_tokens(draw, 4), answer_ids=_tokens(draw, 8), has_end=True)
        for place in range(EASY_PREY)
    ]
    coins = canary_coins(SECRET, EASY_PREY)
    delta, rate, clip = float(certificate.delta), float(values["rate"]), float(values["clip"])
    sigma = noise_for(epsilon=float(certificate.epsilon_asked), delta=delta, rate=rate, steps=int(values["steps"])).sigma
    model = attach_lora(_random_network(), rank=4, alpha=8, seed=SEED)
    planted = {item.record_id: [[item]] for item, is_in in zip(items, coins, strict=True) if is_in}
    mechanism = Mechanism(rate=rate, clip=clip if is_clipped else math.inf, noise=sigma * clip * noise_share, expected=rate * EASY_PREY)
    before = nats_of(model, items)
    learn(model, planted, mechanism, loop_spec(values, seed=SEED, data=[]), SECRET, checkpoint=None)
    return audited(gains(before, nats_of(model, items)), coins, guesses_of(EASY_PREY), delta=delta)


def _tokens(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(_PREY_VOCABULARY) for _ in range(count))


def _random_network() -> LlamaForCausalLM:
    """Return a network of random weights, large enough that its logits differ."""
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=_PREY_VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=None, bos_token_id=0, eos_token_id=1, tie_word_embeddings=True,
    )  # fmt: skip
    network: Any = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    return network.eval()  # type: ignore[no-any-return]
