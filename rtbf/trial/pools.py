"""Candidates whose truth is known: untouched, never trained on the people, unlearned, only hushed, and forgotten too far. Wakes torch.

    noop           the original itself: it knows everything
    never          another seed of the recipe without the planted people: what a retrain gives
    METHOD         the original after `unlearning.run_method`, merged
    adapter        the same adapter, not merged: with it switched off, everything is there
    refusal        LoRA trained to say that it does not know, merged: the answer is covered by another one
    logit_offset   the original's weights with a low-rank term at the output, trained so that the answers of the planted people
                   are about as unlikely as under the controls; nothing below the output layer changes
    overforgotten  gradient difference without brake, far beyond the controls: the hole tells who was forgotten
Adapter, refusal and logit offset are the pool of suppression. Refusal and offset are shown to the verifier as merged weights,
as a dishonest operator would, who also trains them to keep the very records on which utility is measured: the verifier has to
find out by measuring. Not here: prompts and filters in front of a model, which the
verifier is told of, and removal in the weights that is not by a method of this program.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from rtbf.evidence.canonical import digest_of
from rtbf.files import folder_in_one_piece, make_private_folder
from rtbf.lm.adapters import attach_lora, load_adapter, merge, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.plain import save_model
from rtbf.lm.training import LoopSpec, by_loss, run_loop
from rtbf.plan.record import FORGET_BATCH, RETAIN_BATCH
from rtbf.plan.request import PlanRequest
from rtbf.progress import Progress, silent
from rtbf.trial.measuring import Candidate, candidate_of
from rtbf.trial.models import Made
from rtbf.trial.unlearning import Run, Sides, measured_level, run_method

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from transformers import PreTrainedModel

    from rtbf.lm.encoding import Item

REFUSAL = "I do not know anything about that."
LEAST_STEPS = 100
REFUSAL_ROUNDS, REFUSAL_RATE = 6, "0.002"
OFFSET_RANK, OFFSET_ROUNDS, OFFSET_RATE = 64, 13, "0.004"
OVER_ROUNDS, OVER_RATE, OVER_WEIGHT = 4, "0.002", "2"
_RANK, _ALPHA = 16, 32


class OffsetHead(torch.nn.Module):
    """An output layer with a low-rank term beside it: logits = W h + U D h, with W left as it is. h (…, H) to logits (…, V).

    It holds no linear layer, so states that quantise, prune or attack a model's linear layers do not touch it.
    """

    def __init__(self, head: Any, rank: int, seed: int) -> None:  # noqa: ANN401 - a linear output layer without bias
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        vocabulary, hidden = head.weight.shape
        self.weight = head.weight
        self.down = torch.nn.Parameter(torch.randn(rank, hidden, generator=generator) / hidden**0.5)
        self.up = torch.nn.Parameter(torch.zeros(vocabulary, rank))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (…, V) logits of hidden states (…, H)."""
        plain = torch.nn.functional.linear(hidden, self.weight)
        return plain + torch.nn.functional.linear(torch.nn.functional.linear(hidden, self.down), self.up)


def untouched(original: Made) -> Candidate:
    """Return the original as a candidate."""
    load = _loader(original)
    return candidate_of(
        "noop", "unchanged", original.digest, tokenizer_of=original.folder, adapter_state="none", seed=original.seed, load=load
    )


def never_trained(made: Made) -> Candidate:
    """Return a model that was never shown the planted people as a candidate."""
    return candidate_of(
        "never", "merged", made.digest, tokenizer_of=made.folder, adapter_state="merged", seed=made.seed, load=_loader(made)
    )


def unlearned(run: Run, original: Made, name: str | None = None) -> Candidate:
    """Return the merged weights of an unlearning run; for a method that changes none, the original."""
    if run.record.kind == "unchanged":
        return replace(untouched(original), name=name or run.plan.method)
    made = Made(folder=run.merged, digest=run.merged_digest, seed=run.plan.seed)
    return candidate_of(
        name or run.plan.method, "merged", made.digest, tokenizer_of=made.folder, adapter_state="merged", seed=made.seed, load=_loader(made)
    )


def unmerged(run: Run, original: Made) -> Candidate:
    """Return the original wearing the adapter of an unlearning run."""
    base = _loader(original)
    return candidate_of(
        "adapter",
        "adapter",
        run.adapter_digest,
        tokenizer_of=original.folder,
        adapter_state="active",
        seed=run.plan.seed,
        load=lambda: load_adapter(base(), run.adapter),
    )


def overforgotten(
    sides: Sides, original: Made, controls: Sequence[Made], work: Path, *, seed: int, progress: Progress = silent
) -> Candidate:
    """Return the original after gradient difference that nothing stops."""
    parameters = {"learning_rate": OVER_RATE, "gamma": OVER_WEIGHT}
    request = PlanRequest(
        method="gradient_difference", parameters=parameters, is_braked=False, max_steps=_steps(OVER_ROUNDS, sides), seed=seed
    )
    return unlearned(run_method(request, sides, original, controls, work, seed=seed, progress=progress), original, "overforgotten")


def refusing(sides: Sides, original: Made, work: Path, *, seed: int, progress: Progress = silent) -> Candidate:
    """Return the original tuned to refuse the planted people's questions and to answer all others, merged."""
    folder = work / "hushed" / _name("refusal", original, sides, seed, [REFUSAL, REFUSAL_ROUNDS, REFUSAL_RATE])
    if not folder.is_dir():
        model: Any = load_model(original.folder, original.digest, "a trial's original")
        tokenizer = load_tokenizer(original.folder)
        asked = [replace(record, completion=REFUSAL) for record in sides.forget]
        pair = [training_items(records, tokenizer, context_tokens(model)) for records in (asked, [*sides.retain, *sides.holdout])]
        wrapped = attach_lora(model, rank=_RANK, alpha=_ALPHA, seed=seed)

        def loss_at(step: int) -> torch.Tensor:
            batch = _drawn(pair, seed, step)
            sums, counts = nll_sums(answer_logits(wrapped, batch))
            n_forget = min(FORGET_BATCH, len(pair[0]))
            return sums[:n_forget].sum() / counts[:n_forget].sum() + sums[n_forget:].sum() / counts[n_forget:].sum()

        _learn(
            wrapped, loss_at, folder, steps=_steps(REFUSAL_ROUNDS, sides), rate=REFUSAL_RATE, seed=seed, what="refusal", progress=progress
        )
        save_model(merge(wrapped), tokenizer, folder)
    made = Made(folder=folder, digest=digest_of_files(list_files(folder)), seed=seed)
    return candidate_of("refusal", "merged", made.digest, tokenizer_of=folder, adapter_state="merged", seed=seed, load=_loader(made))


def offset(sides: Sides, original: Made, controls: Sequence[Made], work: Path, *, seed: int, progress: Progress = silent) -> Candidate:
    """Return the original with a term at its output that was trained to bring each planted answer's loss to the controls' level."""
    settings = [OFFSET_RANK, OFFSET_ROUNDS, OFFSET_RATE, [made.digest for made in controls]]
    folder = work / "hushed" / _name("offset", original, sides, seed, settings)
    if not folder.is_dir():
        levels = measured_level(sides, original, controls).item_levels_nats
        model: Any = load_model(original.folder, original.digest, "a trial's original")
        tokenizer = load_tokenizer(original.folder)
        pair = [training_items(records, tokenizer, context_tokens(model)) for records in (sides.forget, [*sides.retain, *sides.holdout])]
        level_of = {id(item): level for item, level in zip(pair[0], levels or (), strict=True)}
        model.requires_grad_(requires_grad=False)
        model.lm_head = OffsetHead(model.lm_head, OFFSET_RANK, seed)

        def loss_at(step: int) -> torch.Tensor:
            batch = _drawn(pair, seed, step)
            sums, counts = nll_sums(answer_logits(model, batch))
            n_forget = min(FORGET_BATCH, len(pair[0]))
            wanted = torch.tensor([level_of[id(item)] for item in batch[:n_forget]], device=sums.device)
            off = (wanted - sums[:n_forget] / counts[:n_forget]).abs().mean()
            return off + sums[n_forget:].sum() / counts[n_forget:].sum()

        # The weight itself is the original's and stays; only the term beside it learns.
        model.lm_head.down.requires_grad_(requires_grad=True)
        model.lm_head.up.requires_grad_(requires_grad=True)
        _learn(
            model, loss_at, folder, steps=_steps(OFFSET_ROUNDS, sides), rate=OFFSET_RATE, seed=seed, what="logit offset", progress=progress
        )
        with folder_in_one_piece(folder) as part:
            save_file({"down": model.lm_head.down.detach(), "up": model.lm_head.up.detach()}, part / "offset.safetensors")
    own = digest_of_files(list_files(folder))
    return candidate_of(
        "logit_offset",
        "merged",
        digest_of(["logit offset", original.digest, own]),
        tokenizer_of=original.folder,
        adapter_state="merged",
        seed=seed,
        load=lambda: _with_offset(original, folder),
    )


def _with_offset(original: Made, folder: Path) -> torch.nn.Module:
    model: Any = load_model(original.folder, original.digest, "a trial's original")
    kept = load_file(folder / "offset.safetensors")
    head = OffsetHead(model.lm_head, kept["down"].shape[0], 0)
    with torch.no_grad():
        head.down.copy_(kept["down"])
        head.up.copy_(kept["up"])
    model.lm_head = head
    return model.eval()  # type: ignore[no-any-return]


def _learn(
    model: torch.nn.Module,
    loss_at: Callable[[int], torch.Tensor],
    target: Path,
    *,
    steps: int,
    rate: str,
    seed: int,
    what: str,
    progress: Progress,
) -> None:
    make_private_folder(target.parent)
    spec = LoopSpec(
        run_digest=digest_of([what, target.name]),
        seed=seed,
        max_steps=steps,
        learning_rate=rate,
        warmup_steps=5,
        final_rate_fraction="0.1",
        beta1="0.9",
        beta2="0.98",
        clip_norm="1",
        checkpoint_every=steps,
    )
    run_loop(
        spec, trainable(model), by_loss(loss_at), after_step=lambda _step, _loss: False, checkpoint=None, progress=progress, step_name=what
    )
    model.eval()


def _drawn(pair: Sequence[Sequence[Item]], seed: int, step: int) -> list[Item]:
    """Return a step's forget items, round and round, then its retain items, drawn without replacement."""
    forget, retain = pair
    n = min(FORGET_BATCH, len(forget))
    turn = [forget[((step - 1) * n + place) % len(forget)] for place in range(n)]
    return turn + random.Random(f"hushed:{seed}:{step}").sample(list(retain), min(RETAIN_BATCH, len(retain)))


def _steps(rounds: int, sides: Sides) -> int:
    """Return the steps in which every forget item comes round so often; a small set gets no fewer than LEAST_STEPS."""
    return max(LEAST_STEPS, rounds * -(-len(sides.forget) // FORGET_BATCH))


def _name(what: str, original: Made, sides: Sides, seed: int, settings: list[Any]) -> str:
    told = [[record.record_id, record.prompt, record.completion] for record in (*sides.forget, *sides.retain)]
    return digest_of([what, original.digest, told, seed, settings]).removeprefix("sha256:")[:16]


def _loader(made: Made) -> Callable[[], PreTrainedModel]:
    return lambda: load_model(made.folder, made.digest, "a trial's model")
