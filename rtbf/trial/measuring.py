"""Measure one candidate of a trial: every planned pass over it, the original and the controls, each pass made once. Wakes torch.

Finished passes lie in a folder by the digest of everything they follow from, so candidates share the passes of original and
controls, and a run that was killed goes on where it was. Planted people are nobody: nothing is sealed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.files import make_private_folder, replace_file
from rtbf.lm.load import load_model, tokenizer_identity
from rtbf.plan.card import probe_cards
from rtbf.plan.run import planned_probes
from rtbf.progress import Progress, silent
from rtbf.trial.judging import Battery
from rtbf.verify.arms import ArmSource, Work, make_passes
from rtbf.verify.observed import Observed
from rtbf.verify.passes import planned_passes, sets_of
from rtbf.verify.record import Arm
from rtbf.verify.states import relearning_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch

    from rtbf.plan.card import ProbeCard
    from rtbf.trial.models import Made
    from rtbf.trial.questions import Questions
    from rtbf.verify.observed import PassKey

CANDIDATE = "unlearned"


class FolderStore:
    """Finished passes as files named by their key (`verify.arms.PassStore`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_private_folder(folder)

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`, or None."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`, all or nothing."""
        replace_file(self._path(key), content)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.removeprefix('sha256:')}.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One model that is judged. `kind` is what the verifier is told that it is, as served."""

    name: str
    kind: str
    source: ArmSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What stays the same for every candidate: questions, original, controls, profile, seed, and where passes lie."""

    questions: Questions
    original: Made
    controls: tuple[Made, ...]
    profile: str
    seed: int
    work: Path

    @property
    def cards(self) -> dict[str, ProbeCard]:
        """Return the cards of the planned probes, by name."""
        every = probe_cards()
        return {planned.name: every[planned.name] for planned in planned_probes(self.profile)}

    def sources(self, candidate: Candidate) -> tuple[ArmSource, ...]:
        """Return original, candidate and controls, in the verification's order."""
        original = arm_source("original", "original", self.original, adapter_state="none")
        controls = [
            arm_source(f"control-{number}", "control", made, adapter_state="none") for number, made in enumerate(self.controls, start=1)
        ]
        return (original, candidate.source, *controls)

    def battery(self, candidate: Candidate) -> Battery:
        """Return what judging needs to know besides the log."""
        return Battery(
            planned=planned_probes(self.profile),
            cards=self.cards,
            arms=tuple(source.arm for source in self.sources(candidate)),
            artefact_kind=candidate.kind,
            seed=self.seed,
            subject_sets=self.questions.subject_sets,
        )

    def passes(self, candidate: Candidate) -> tuple[PassKey, ...]:
        """Return every pass that judging the candidate takes."""
        names = tuple(source.arm.name for source in self.sources(candidate))
        return planned_passes(self.cards.values(), self.questions.asked, names, artefact_kind=candidate.kind)

    def tokens(self, candidates: Sequence[Candidate]) -> int:
        """Return the forward tokens of all candidates' passes, those of the shared arms counted once."""
        passes = {(key, candidate.name if key.arm == CANDIDATE else "") for candidate in candidates for key in self.passes(candidate)}
        asked = sum(self.questions.asked[key.items].tokens for key, _ in passes)
        of_attacks = sum(
            relearning_tokens(self.questions.attacks, [key for key, owner in passes if owner == name], self.seed)
            for name in {owner for _, owner in passes}
        )
        return asked + of_attacks


def wanted_sets(profile: str) -> frozenset[str]:
    """Return the names of the sets that a profile's probes read."""
    every = probe_cards()
    return frozenset(name for planned in planned_probes(profile) for name in sets_of(every[planned.name]))


def measure(bench: Bench, candidate: Candidate, progress: Progress = silent) -> Observed:
    """Return the log of the candidate's verification: what every pass found."""
    questions = bench.questions
    work = Work(
        asked=questions.asked,
        attacks=questions.attacks,
        calibration=questions.calibration,
        seed=bench.seed,
        time_out_s=None,
        store=FolderStore(bench.work / "passes"),
    )
    sources = bench.sources(candidate)
    made = make_passes(sources, bench.passes(candidate), work, lambda _step, done, total: progress(f"asking {candidate.name}", done, total))
    blind = {asked.name: asked.blind_auc for asked in questions.asked.values() if asked.blind_auc is not None}
    return Observed(arms=tuple(source.arm.name for source in sources), passes=made.found, failed=made.failed, blind_auc=blind)


def arm_source(name: str, role: str, made: Made, *, adapter_state: str) -> ArmSource:
    """Return a whole model folder as an arm."""
    return ArmSource(
        arm=_arm(name, role, made.digest, tokenizer_identity(made.folder), adapter_state, made.seed),
        load=lambda: load_model(made.folder, made.digest, f"the trial's {name}"),
    )


def candidate_of(
    name: str, kind: str, digest: str, *, tokenizer_of: Path, adapter_state: str, seed: int | None, load: Callable[[], torch.nn.Module]
) -> Candidate:
    """Return a candidate whose model `load` gives; `digest` stands for everything that the model follows from."""
    arm = _arm(CANDIDATE, "unlearned", digest, tokenizer_identity(tokenizer_of), adapter_state, seed)
    return Candidate(name=name, kind=kind, source=ArmSource(arm=arm, load=load))


def _arm(name: str, role: str, digest: str, tokenizer: str, adapter_state: str, seed: int | None) -> Arm:
    return Arm(name=name, role=role, digest=digest, tokenizer=tokenizer, adapter_state=adapter_state, seed=seed)  # type: ignore[arg-type]
