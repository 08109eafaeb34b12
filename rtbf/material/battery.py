"""What a verification works on: the plan's arms, each with its loader, and its questions, encoded for all of them. Wakes torch.

Everything is found through the plan and checked against its digests, so a changed file stops the stage and is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.lm.adapters import load_adapter
from rtbf.lm.digest import require_digest
from rtbf.lm.load import folder_context_tokens, load_model, load_tokenizer, prepare_torch, tokenizer_identity
from rtbf.material.originals import control_of, earlier_records, original_of, selected_records, unlearned_ids
from rtbf.material.questions import HOLDOUT, Encoding, Told, asked_questions, attacks_of, not_empty, open_questions
from rtbf.progress import Progress, silent
from rtbf.store import registry
from rtbf.unlearn.record import FULL_WEIGHTS
from rtbf.verify.arms import ArmSource
from rtbf.verify.record import Arm
from rtbf.verify.run import Battery

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned


def verification_battery(
    installation: Installation, plan: Plan, unlearned: Unlearned, words: bytes, *, threads: int, progress: Progress = silent
) -> Battery:
    """Return the arms of the plan, each with its loader, and its questions, without what was withheld.

    words   of the questions, unsealed

    The controls stay those of the plan: they were never shown any record of its forget set, withheld or not.
    """
    prepare_torch(threads)
    original, entry = original_of(installation, plan)
    encoding = Encoding(tokenizer=load_tokenizer(original), max_tokens=folder_context_tokens(original))
    controls = []
    for number, control in enumerate(plan.controls.models, start=1):
        folder, digest, _ = control_of(installation, plan.ticket_id, plan, original, entry, number, progress)
        require_digest(folder, control.digest, f"control model {number}")
        arm = Arm(
            name=f"control-{number}", role="control", digest=digest, tokenizer=tokenizer_identity(folder), adapter_state="none",
            seed=control.seed,
        )  # fmt: skip
        controls.append(ArmSource(arm=arm, load=_loader(folder, digest, "a control model")))
    with installation.transaction() as session:
        model = registry.model_with_digest(session, plan.model_digest).model
    kept = set(unlearned_ids(plan, unlearned))
    told = Told(
        forget=[record for record in selected_records(installation, entry, plan.forget) if record.record_id in kept],
        retain=selected_records(installation, entry, plan.retain),
        holdout=selected_records(installation, entry, plan.utility_holdout),
        earlier=earlier_records(installation, model, entry),
    )
    asked = asked_questions(open_questions(plan, words), told, plan.relearn, encoding)
    return Battery(
        original=ArmSource(
            arm=Arm(
                name="original", role="original", digest=plan.model_digest, tokenizer=tokenizer_identity(original), adapter_state="none",
                seed=None,
            ),
            load=_loader(original, plan.model_digest, "the original model"),
        ),
        unlearned=_unlearned_arm(installation, plan, unlearned, original),
        controls=tuple(controls),
        asked=not_empty(asked),
        attacks=attacks_of(told, plan.relearn, asked, encoding),
        calibration=asked[HOLDOUT].items,
    )  # fmt: skip


def _unlearned_arm(installation: Installation, plan: Plan, unlearned: Unlearned, original: Path) -> ArmSource:
    folder = installation.home.artefacts_of(plan.ticket_id, plan.attempt)
    loaders = {
        **dict.fromkeys(("unchanged", "accounted"), _loader(original, plan.model_digest, "the unchanged model")),
        **{kind: _loader(folder / kind, unlearned.artefact_digest, f"the {kind} model") for kind in FULL_WEIGHTS},
        "adapter": lambda: _with_adapter(folder / "adapter", unlearned, original, plan),
    }
    states = {"merged": "merged", "adapter": "active"}
    # An adapter's folder has no tokenizer: it is served over its base, with the base's.
    tokens = tokenizer_identity(folder / unlearned.kind if unlearned.kind in FULL_WEIGHTS else original)
    arm = Arm(
        name="unlearned", role="unlearned", digest=unlearned.artefact_digest, tokenizer=tokens,
        adapter_state=states.get(unlearned.kind, "none"), seed=plan.seed,
    )  # fmt: skip
    return ArmSource(arm=arm, load=loaders[unlearned.kind])


def _with_adapter(folder: Path, unlearned: Unlearned, original: Path, plan: Plan) -> torch.nn.Module:
    require_digest(folder, unlearned.artefact_digest, "the adapter")
    return load_adapter(load_model(original, plan.model_digest, "the adapter's base"), folder)


def _loader(folder: Path, digest: str, what: str) -> Any:  # noqa: ANN401 - a callable without arguments
    return lambda: load_model(folder, digest, what)
