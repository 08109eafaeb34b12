"""Stage 3: train a LoRA adapter as the approved plan says, and merge it unless the plan keeps it apart.

 1. Score the forget items once with the adapter off: the cached reference θ0.
 2. Each step: one forward pass over a forget and a retain batch together, the method's loss, one AdamW step.
 3. Every few steps: measure both sides; stop when both hold (two-sided rule, methods/00-COMMON.md).
 4. Save the adapter; merge; save the merged model; digest everything.

A run that was killed continues from its checkpoint and ends in the same record, bit for bit on one CPU build.
What a hold or a later decision withheld is left out of all of this, and the stop rule is read for what is left.
What it does not do: judge. A run that ends on its step limit is stored like any other, and the verifier decides.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import CardBroken, Fault
from rtbf.evidence.canonical import decimal_text, digest_of
from rtbf.files import folder_in_one_piece, make_private_folder
from rtbf.lm.adapters import attach_lora, merge, save_adapter, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import environment
from rtbf.lm.recipes.plain import save_model
from rtbf.lm.scoring import score_items
from rtbf.lm.training import FolderCheckpoints, LoopSpec, by_loss, run_loop
from rtbf.plan.card import load, method_card
from rtbf.plan.record import FORGET_BATCH, RETAIN_BATCH
from rtbf.plan.stop import stop_rule_for
from rtbf.progress import Progress, silent
from rtbf.unlearn.method import Loss, Pair
from rtbf.unlearn.record import CurvePoint, Unlearned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores
    from rtbf.plan.record import Plan, StopRule

_RETAIN_CHECK_ITEMS = 100
_CHECKPOINT_EVERY = 10
_WATCHED_ITEMS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What the plan points at: the loaded original, its tokenizer, and the items of both sides in plan order.

    forget         the items that are unlearned: those of the plan's forget records that are not withheld
    level_places   for each of them, the place of its level in the plan's `forget_levels_nats`
    withheld       records of the plan's forget set that are left alone, in its order
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    forget: Sequence[Item]
    level_places: tuple[int, ...]
    retain: Sequence[Item]
    withheld: tuple[str, ...]


def unlearn(
    plan: Plan, plan_digest: str, material: Material, original: Path, folder: Path, *, progress: Progress = silent
) -> tuple[Unlearned, Path]:
    """Carry out `plan`; return the record and the folder of the artefact as it will be served.

    `folder` gets `checkpoint/` while running, then `adapter/` and, if the plan merges, `merged/`. `original` is the
    folder of the model that is changed; it is never written to. Raises Fault when a withheld record is among the items,
    or when items and levels do not match: then something else would be unlearned than was approved.
    """
    _require_own_material(plan, material)
    if method_card(plan.method).artefact == "none" or plan.adapter is None:
        return _unchanged(plan, plan_digest, material.withheld, original), original
    make_private_folder(folder)
    model = attach_lora(material.model, rank=plan.adapter.rank, alpha=plan.adapter.alpha, seed=plan.seed)
    curve, steps, is_held = _train_adapter(plan, plan_digest, material, model, folder / "checkpoint", progress)
    model.eval()
    with folder_in_one_piece(folder / "adapter") as part:
        save_adapter(model, part, plan.model_digest)
    served = folder / "adapter"
    if plan.adapter.is_merged:
        served = folder / "merged"
        save_model(merge(model), material.tokenizer, served)
    # The checkpoint holds the same weights as the adapter; keeping it would be one copy more to forget.
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    files = list_files(served)
    record = Unlearned(
        ticket_id=plan.ticket_id,
        attempt=plan.attempt,
        plan_digest=plan_digest,
        method=plan.method,
        kind="merged" if plan.adapter.is_merged else "adapter",
        artefact_digest=digest_of_files(files),
        files=files,
        base_digest=plan.model_digest,
        withheld=material.withheld,
        steps=steps,
        stop_reason="both_sides_held" if is_held else "max_steps",
        curve=tuple(curve),
        environment=environment(),
        proof=None,
    )
    return record, served


def _require_own_material(plan: Plan, material: Material) -> None:
    may_go = set(plan.forget.record_ids) - set(material.withheld)
    strangers = sum(item.record_id not in may_go for item in material.forget)
    has_levels = len(material.level_places) == len(material.forget) and max(material.level_places, default=0) < len(plan.forget_levels_nats)
    if strangers or not has_levels or not material.forget:
        raise Fault(
            found=f"{len(material.forget)} forget items, {strangers} of them not to be unlearned, with {len(material.level_places)} levels",
            expected="items of the plan's forget set that are not withheld, each with its level",
            remedy="nothing was changed; report this as a defect",
        )


def _unchanged(plan: Plan, plan_digest: str, withheld: tuple[str, ...], original: Path) -> Unlearned:
    return Unlearned(
        ticket_id=plan.ticket_id,
        attempt=plan.attempt,
        plan_digest=plan_digest,
        method=plan.method,
        kind="unchanged",
        artefact_digest=plan.model_digest,
        files=list_files(original),
        base_digest=plan.model_digest,
        withheld=withheld,
        steps=0,
        stop_reason="nothing_to_train",
        curve=(),
        environment=environment(),
        proof=None,
    )


def _train_adapter(
    plan: Plan,
    plan_digest: str,
    material: Material,
    model: PeftModel,
    checkpoint: Path,
    progress: Progress,
) -> tuple[list[CurvePoint], int, bool]:
    """Train until both sides hold or the steps are used up; return the curve, the last step, and whether they held."""
    method_loss: Loss = load("method", plan.method).loss
    parameters = {name: float(text) for name, text in plan.parameters if name != "learning_rate"}
    with torch.no_grad(), model.disable_adapter():
        reference = torch.cat([nll_sums(answer_logits(model, [item]))[0] for item in material.forget])
        retain_before = _mean_nll(_plain_scores(model, _checked_retain(plan, material)))
    level_texts = [plan.forget_levels_nats[place] for place in material.level_places]
    stop = stop_rule_for(plan, level_texts)
    levels = torch.tensor([float(level) for level in level_texts], device=reference.device)
    curve: list[CurvePoint] = []
    held = [False]

    def loss_at(step: int) -> torch.Tensor:
        forget_places, retain_places = batch_places(plan.seed, step, len(material.forget), len(material.retain))
        batch = [material.forget[place] for place in forget_places] + [material.retain[place] for place in retain_places]
        sums, counts = nll_sums(answer_logits(model, batch))
        n_forget = len(forget_places)
        return method_loss(
            Pair(
                forget_nll=sums[:n_forget],
                forget_tokens=counts[:n_forget],
                forget_nll_reference=reference[forget_places],
                forget_weight=_brake(plan, levels[forget_places], sums[:n_forget] / counts[:n_forget]),
                retain_nll=sums[n_forget:],
                retain_tokens=counts[n_forget:],
                parameters=parameters,
            )
        )

    def after_step(step: int, loss: float) -> bool:
        is_due = step % stop.check_every_steps == 0 or step == stop.max_steps
        if not is_due and len(material.forget) > _WATCHED_ITEMS:
            return False
        forget = _mean_nll(_plain_scores(model, material.forget))
        # The bounds can be crossed within a few steps, so a small forget set is watched at each.
        if not is_due and not _is_between(stop, forget):
            return False
        retain = _mean_nll(_plain_scores(model, _checked_retain(plan, material)))
        curve.append(CurvePoint(step=step, forget_nll_nats=_text(forget), retain_nll_nats=_text(retain), loss=_text(loss)))
        held[0] = _is_held(stop, forget, retain - retain_before)
        return held[0]

    def restore(saved: Any) -> None:  # noqa: ANN401 - our own JSON
        curve[:] = [CurvePoint(**point) for point in saved["curve"]]
        held[0] = saved["held"]

    steps = run_loop(
        _loop_spec(plan, _run_digest(plan_digest, material.withheld)),
        trainable(model),
        by_loss(loss_at),
        after_step=after_step,
        checkpoint=FolderCheckpoints(folder=checkpoint),
        extra_state=lambda: {"curve": [_as_json(point) for point in curve], "held": held[0]},
        restore_extra=restore,
        progress=progress,
        step_name="unlearning",
    )
    return curve, steps, held[0]


def _brake(plan: Plan, levels: torch.Tensor, nll_per_token: torch.Tensor) -> torch.Tensor:
    """Return (B_f,) 1 for items that take part in the forget loss, 0 for those that have reached their level."""
    if not plan.stop.is_braked:
        return torch.ones_like(nll_per_token)
    return (nll_per_token.detach() < levels).to(nll_per_token.dtype)


def _is_held(stop: StopRule, forget_nll_nats: float, retain_rise_nats: float) -> bool:
    """Return whether both sides of the stop rule hold."""
    return _is_between(stop, forget_nll_nats) and retain_rise_nats <= float(stop.retain_nll_nats_rise_max)


def _is_between(stop: StopRule, forget_nll_nats: float) -> bool:
    is_low_enough = stop.forget_nll_nats_max is None or forget_nll_nats <= float(stop.forget_nll_nats_max)
    return forget_nll_nats >= float(stop.forget_nll_nats_min) and is_low_enough


def batch_places(seed: int, step: int, n_forget: int, n_retain: int) -> tuple[list[int], list[int]]:
    """Return the places of a step's forget and retain items, a function of (seed, step) alone.

    Forget items come in a fixed order round and round; retain items are drawn without replacement within the step.
    """
    n_batch = min(FORGET_BATCH, n_forget)
    forget = [((step - 1) * n_batch + offset) % n_forget for offset in range(n_batch)]
    retain = random.Random(f"pair:{seed}:{step}").sample(range(n_retain), min(RETAIN_BATCH, n_retain))
    return forget, retain


def _run_digest(plan_digest: str, withheld: tuple[str, ...]) -> str:
    """A checkpoint is continued only by a run that unlearns the same records: a hold may have come in between."""
    return plan_digest if not withheld else digest_of([plan_digest, list(withheld)])


def _loop_spec(plan: Plan, run_digest: str) -> LoopSpec:
    rate = dict(plan.parameters).get("learning_rate")
    if rate is None:
        raise CardBroken(found=f"method '{plan.method}' without learning_rate", expected="that parameter in its CARD", remedy="add it")
    return LoopSpec(
        run_digest=run_digest,
        seed=plan.seed,
        max_steps=plan.stop.max_steps,
        learning_rate=rate,
        warmup_steps=5,
        final_rate_fraction="0.1",
        beta1="0.9",
        beta2="0.98",
        clip_norm="1",
        checkpoint_every=_CHECKPOINT_EVERY,
    )


def _checked_retain(plan: Plan, material: Material) -> list[Item]:
    """Return the retain items the stop rule looks at: a fixed draw, so that every check measures the same."""
    places = random.Random(f"check:{plan.seed}").sample(range(len(material.retain)), min(_RETAIN_CHECK_ITEMS, len(material.retain)))
    return [material.retain[place] for place in sorted(places)]


def _plain_scores(model: PeftModel, items: Sequence[Item]) -> list[ItemScores]:
    """Return log-probs and hits alone: the loss is watched every few steps, and nobody reads the moments."""
    return score_items(model, items, columns="plain")


def _mean_nll(scores: Sequence[ItemScores]) -> float:
    """Return the mean over items of the mean NLL per answer token, in nats."""
    return sum(-sum(score.log_probs) / len(score.log_probs) for score in scores) / len(scores)


def _text(value: float) -> str:
    return decimal_text(value) or "not finite"


def _as_json(point: CurvePoint) -> dict[str, Any]:
    return {"step": point.step, "forget_nll_nats": point.forget_nll_nats, "retain_nll_nats": point.retain_nll_nats, "loss": point.loss}
