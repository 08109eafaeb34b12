"""Drop the adapter: serve the base's own files again, in the place of the weights into which an adapter over it was merged.

The base is what the recipe starts from, before any record of the adapter's corpus comes in, so nothing is trained and nothing is
left to chance: exact, bit for bit, as far as the base itself is free of the records. Refused where it is recorded that it is not.
Everything else that the adapter taught goes with it; the utility probes say how much that was.
Source: specs/methods/exact-unlearning.md ("one adapter per tenant: cost 0"); "cohort-adapter deletion" in arXiv 2508.12220.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rtbf.errors import Fault
from rtbf.files import folder_in_one_piece
from rtbf.lm.digest import require_digest
from rtbf.lm.restored import note_bytes, note_name
from rtbf.unlearn.method import Rebuilt

if TYPE_CHECKING:
    from rtbf.unlearn.method import Rebuild

CARD = {
    "name": "adapter_drop",
    "title": "Drop the adapter that was trained on the records",
    "paper": "Unlearning at Scale, arXiv 2508.12220 (cohort-adapter deletion)",
    "source": "specs/methods/exact-unlearning.md",
    "needs": ["a model trained here by the recipe plain with tune=lora, on a registered base that was not trained on the records"],
    "artefact": "weights",
    "class_cap": "exact",
    "works_on": ["plain_lora"],
    "trains_on": "nothing",
    "cost_formula": "0: the base's files are copied",
    "warnings": [
        "everything else that the adapter taught is lost too: unless the base knows it, U1 says UTILITY, F2 and F3 say TRACE, and no PASS",
        "the records of other people go with it, and so does whatever of this person was to be kept",
        "a base whose own data nobody recorded is not examined",
    ],
}


def rebuild(work: Rebuild) -> Rebuilt:
    """Lay a copy of the base's files at the target, with the note of what they stand in for; whole or not at all.

    Raises ArtefactMismatch for a base whose files are not those that are registered, also when they change while they are copied.
    """
    if work.base is None:
        raise Fault(
            found="an adapter to be dropped from a model without a base",
            expected="the model that the adapter was trained over",
            remedy="nothing was changed; report this as a defect",
        )
    require_digest(work.base.folder, work.base.digest, "the base under the adapter")
    names = [path.relative_to(work.base.folder) for path in sorted(work.base.folder.rglob("*")) if path.is_file()]
    with folder_in_one_piece(work.target) as part:
        for done, name in enumerate(names):
            work.progress("restoring the base", done, len(names))
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(work.base.folder / name, part / name)
        require_digest(part, work.base.digest, "the copy of the base")
        (part / note_name(work.original_digest)).write_bytes(note_bytes(work.original_digest, work.base.digest))
    return Rebuilt(steps=0, rerun=None, restored=work.base.digest)
