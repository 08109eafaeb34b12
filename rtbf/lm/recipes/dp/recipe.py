"""Recipe `dp`: user-level DP-AdamW on LoRA over a frozen base; the unit is the data subject, the budget is kept by the noise.

Everything that leaves a step is the noised mean: no loss of a participant is logged or acted on, no step stops the run, and
the number of steps is fixed beforehand. Not covered: the base's own data, learning rate or clip tuned on this corpus, what others'
records say of a subject, and the time a step takes. Resumed runs end in the same bytes on the same CPU build.
Made-up canaries may be trained along, each by a secret coin, and guessed at afterwards: a training whose own audit refutes its ε is
refused. Source: methods/dp-sgd-practice.md, algorithm ULS; for the audit see `rtbf.lm.recipes.dp.audit`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import BadInput
from rtbf.evidence.canonical import digest_of
from rtbf.lm.adapters import attach_lora, merge, trainable
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import Item, training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.dp.accounting import ACCOUNTANT, Account, accountant_version, require_useful
from rtbf.lm.recipes.dp.canaries import FEWEST_CANARIES, audit_of, drawn_canaries
from rtbf.lm.recipes.dp.certificate import NEIGHBOURS, UNIT, CanaryCounts, DpCertificate, upper_text, write_certificate
from rtbf.lm.recipes.dp.mechanism import Mechanism, lay_down, noised_mean, subject_gradient
from rtbf.lm.recipes.dp.subjects import Units, noise_key, sampler_commitment, sampler_key, takes_part, units_of
from rtbf.lm.recipes.plain import Base, save_model
from rtbf.lm.training import NO_CLIPPING, LoopSpec, run_loop
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record
    from rtbf.lm.stretch import RunStates
    from rtbf.lm.training import Checkpoints
    from rtbf.vault.secret import SecretBytes

COUNTED = "counted"
SAVED_EVERY_STEPS = 25

_DECIMALS = {"epsilon": "8", "delta": "0.000001", "rate": "0.064", "clip": "1", "learning_rate": "0.001"}
_WHOLE = {"steps": "390", "k_max": "20", "rank": "4", "alpha": "8", "warmup_steps": "20", "canaries": "100"}
_TEXTS = {"subject_field": "subject", "population": COUNTED}
_FIXED = {"recipe": "dp", "tune": "dp", "final_rate_fraction": "0.05", "beta1": "0.9", "beta2": "0.98"}


def dp_parameters(overrides: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return every parameter of a run as sorted (name, text).

    epsilon, delta   the budget per subject; the noise follows from it
    rate, steps      q, the chance of a subject to be drawn in a step, and T
    clip             C; a wrong one costs utility, never privacy
    population       N, public: how many subjects the corpus is known to have, or "counted": then the count itself is given away;
                     canaries come on top
    canaries         how many made-up subjects each have an even chance of being trained along; 0 for no audit
    subject_field    dotted name of the field of a record that names its subject
    raises           BadInput for unknown names or bad texts
    """
    values = {**_FIXED, **_DECIMALS, **_WHOLE, **_TEXTS}
    for name, text in overrides.items():
        if name not in values or name in _FIXED:
            changeable = ", ".join(sorted(set(values) - set(_FIXED)))
            raise BadInput(found=f"recipe parameter '{name}'", expected=f"one of {changeable}", remedy="correct --set NAME=VALUE")
        if not _is_usable(name, text):
            raise BadInput(
                found=f"{name}={text}",
                expected="a positive number, rate at most 1, delta below 1; whole where it counts something; a field's name; "
                f"canaries 0 or at least {FEWEST_CANARIES}",
                remedy="correct --set NAME=VALUE",
            )
        values[name] = text
    return tuple(sorted(values.items()))


def _is_usable(name: str, text: str) -> bool:
    """Return whether a run can use `text`. Only plain digits: equal numbers have equal texts, hence digests."""
    if name == "canaries" and (text == "0" or (text.isascii() and text.isdigit() and int(text) < FEWEST_CANARIES)):
        return text == "0"
    if name in _WHOLE or (name == "population" and text != COUNTED):
        return text.isascii() and text.isdigit() and not text.startswith("0")
    if name in _TEXTS:
        return bool(text.strip()) and text.isprintable()
    try:
        value = float(text)
    except ValueError:
        return False
    is_in_range = (name != "rate" or value <= 1) and (name != "delta" or value < 1)
    return math.isfinite(value) and value > 0 and is_in_range and text.isascii() and not set(text) & set("_ +eE")


def train_dp(
    *,
    records: Sequence[Record],
    parameters: tuple[tuple[str, str], ...],
    seed: int,
    base: Base | None,
    noise_secret: SecretBytes,
    target: Path,
    checkpoint: RunStates | None,
    progress: Progress = silent,
) -> DpCertificate:
    """Train on `records` and write a complete model folder at `target` and its certificate beside it, each all or nothing.

    seed           public; it draws the adapter's first weights and nothing else
    noise_secret   32 random bytes or more for this training alone: with them noise and draws can be recomputed, and no privacy is
                   left. The caller keeps them sealed or throws them away; used for two trainings, the difference of the two
                   models is free of noise.
    checkpoint     holds nothing that the budget does not cover, but a digest of the records
    raises         BadInput without a base, for a budget that is of no use with so few subjects (`accounting.require_useful`), for
                   a short secret, or where the corpus has more subjects than it is said to have; PrivacyRefuted where the audit of the
                   canaries refutes the budget: then nothing is written
    """
    values = dict(parameters)
    if base is None:
        raise BadInput(found="recipe 'dp' without a base", expected="a model to fine-tune", remedy="name it with --base")
    units = units_of(records, values["subject_field"], int(values["k_max"]), sampler_key(noise_secret))
    known = _known_subjects(values, len(units.records))
    tokenizer = load_tokenizer(base.folder)
    model: Any = attach_lora(
        load_model(base.folder, base.digest, "the base model"), rank=int(values["rank"]), alpha=int(values["alpha"]), seed=seed
    )
    size = context_tokens(model)
    rate, clip, steps = float(values["rate"]), float(values["clip"]), int(values["steps"])
    dimensions = sum(parameter.numel() for _, parameter in trainable(model))
    # Canaries teach nothing, so whether a budget is of use is asked of the others alone.
    account = require_useful(
        subjects=known, epsilon=float(values["epsilon"]), delta=float(values["delta"]), rate=rate, steps=steps, dimensions=dimensions
    )
    canaries = drawn_canaries(int(values["canaries"]), values["subject_field"], noise_secret, tokenizer, size)
    population = known + len(canaries.items)
    mechanism = Mechanism(rate=rate, clip=clip, noise=account.sigma * clip, expected=rate * population)
    learn(
        model,
        {**items_of(units, tokenizer, size), **canaries.planted()},
        mechanism,
        loop_spec(values, seed=seed, data=[base.digest, population]),
        noise_secret,
        checkpoint=checkpoint,
        progress=progress,
    )
    audit = audit_of(model, canaries, epsilon=account.epsilon_prv, delta=float(values["delta"]))
    save_model(merge(model), tokenizer, target)
    certificate = _certificate(
        values,
        units,
        account,
        population=population,
        trained_numbers=dimensions,
        sampler=sampler_commitment(noise_secret),
        base_digest=base.digest,
        model_digest=digest_of_files(list_files(target)),
        audit=audit,
    )
    write_certificate(certificate, target)
    if checkpoint is not None:
        checkpoint.drop()
    return certificate


def _known_subjects(values: Mapping[str, str], subjects: int) -> int:
    """Return how many subjects the corpus is publicly known to have; raises BadInput where it has more."""
    known = subjects if values["population"] == COUNTED else int(values["population"])
    if known < subjects:
        raise BadInput(found=f"{subjects} subjects", expected=f"at most the {known} of the parameter population", remedy="raise population")
    return known


def _certificate(
    values: Mapping[str, str],
    units: Units,
    account: Account,
    *,
    population: int,
    trained_numbers: int,
    sampler: str,
    base_digest: str,
    model_digest: str,
    audit: CanaryCounts | None,
) -> DpCertificate:
    return DpCertificate(
        unit=UNIT,
        neighbours=NEIGHBOURS,
        subject_field=values["subject_field"],
        subjects=len(units.records),
        population=population,
        own_unit_records=units.own_unit,
        several_subjects=units.several,
        over_cap=units.over_cap,
        k_max=int(values["k_max"]),
        rate=values["rate"],
        sigma=f"{account.sigma:.4f}",
        steps=int(values["steps"]),
        clip=values["clip"],
        trained_numbers=trained_numbers,
        delta=values["delta"],
        epsilon_asked=values["epsilon"],
        epsilon_prv=upper_text(account.epsilon_prv),
        epsilon_rdp=upper_text(account.epsilon_rdp),
        accountant=ACCOUNTANT,
        accountant_version=accountant_version(),
        sampler_commitment=sampler,
        base_digest=base_digest,
        model_digest=model_digest,
        audit=audit,
    )


def items_of(units: Units, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> dict[str, list[list[Item]]]:
    """Return, for each subject, the sequences of each of its records; a record that comes to no token is left out."""
    encoded = {subject: [training_items([record], tokenizer, max_tokens) for record in own] for subject, own in units.records.items()}
    return {subject: [items for items in own if items] for subject, own in encoded.items() if any(own)}


def loop_spec(values: Mapping[str, str], *, seed: int, data: Sequence[object]) -> LoopSpec:
    """Return how the loop runs: fixed steps, no clipping of the whole gradient, no decay of weights."""
    return LoopSpec(
        run_digest=digest_of([sorted(values.items()), seed, list(data)]),
        seed=seed,
        max_steps=int(values["steps"]),
        learning_rate=values["learning_rate"],
        warmup_steps=int(values["warmup_steps"]),
        final_rate_fraction=values["final_rate_fraction"],
        beta1=values["beta1"],
        beta2=values["beta2"],
        clip_norm=NO_CLIPPING,
        checkpoint_every=SAVED_EVERY_STEPS,
    )


def learn(
    model: torch.nn.Module,
    items: Mapping[str, Sequence[Sequence[Item]]],
    mechanism: Mechanism,
    spec: LoopSpec,
    secret: SecretBytes,
    *,
    checkpoint: Checkpoints | None,
    progress: Progress = silent,
) -> None:
    """Run T steps of the mechanism over the model's trainable parameters, in place.

    items   for each subject the sequences of each of its records. Subjects are met in their order, which no draw depends on.
    Whether the whole is private follows from `mechanism` alone, which is taken as it is: an audit passes a broken one.
    """
    # Dropout would draw from one stream for all subjects, and so make one's gradient depend on who came before.
    model.eval()
    named = trainable(model)
    parameters = [parameter for _, parameter in named]
    zero = torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=torch.float64, device=parameters[0].device)
    key = sampler_key(secret)
    told = [[[[item.prompt_ids, item.answer_ids] for item in record] for record in own] for own in items.values()]

    def gradient_at(step: int) -> float:
        drawn = (own for subject, own in items.items() if takes_part(key, subject, step, mechanism.rate))
        contributions = (subject_gradient(model, parameters, own) for own in drawn)
        # The norm of what is released anyway: the loss of those who took part would be private.
        return lay_down(parameters, noised_mean(contributions, mechanism, zero, noise_key(secret, step)))

    # Another secret, corpus or mechanism never takes this run's checkpoints.
    of_this_run = digest_of([spec.run_digest, repr(mechanism), sampler_commitment(secret), told])
    run_loop(
        replace(spec, run_digest=of_this_run),
        named,
        gradient_at,
        after_step=lambda _step, _norm: False,
        checkpoint=checkpoint,
        progress=progress,
    )
