"""Run a stretch of a training a second time: the evidence that a recorded procedure makes the weights it is said to make.

While a run is made, the states at the two ends of one stretch between successive saves are kept: the first as it is, of the
second its digest. Which stretch, the seed says, each being as likely as any other. Proves that this code on this machine goes
from the one state to the other; not that the run began where it is said to, nor anything of the stretches that were not drawn.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rtbf.errors import Fault
from rtbf.evidence.canonical import digest_bytes
from rtbf.files import folder_in_one_piece
from rtbf.lm.training import FolderCheckpoints, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STATE, _NOTE = "state.safetensors", "stretch.json"


class RunStates(Protocol):
    """Where the states of a run lie until it has ended (`rtbf.lm.training.Checkpoints`)."""

    def load(self) -> bytes | None:
        """Return the newest state, None when there is none."""

    def save(self, step: int, content: bytes) -> None:
        """Keep the state after `step`, whole or not at all."""

    def drop(self) -> None:
        """Forget the states: the run has ended, and what it made is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The stretch that was drawn. `state` is where it begins, None at the beginning of the run; `digest` that of its last state."""

    from_step: int
    to_step: int
    state: bytes | None
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptStretch:
    """The states of one run in a folder of their own, of which one stretch outlives it. A run that was killed goes on."""

    folder: Path
    seed: int

    def load(self) -> bytes | None:
        """Return the newest state, None when there is none."""
        return self._newest().load()

    def save(self, step: int, content: bytes) -> None:
        """Keep the state; and, when this stretch comes before the one that was drawn so far, its two ends."""
        # Of all stretches the one with the smallest hash is kept: each is as likely, in whatever order they come, and a save
        # that is made again after a crash draws as before.
        noted = self._note()
        if noted is None or self._draw(step) <= self._draw(noted["to_step"]):
            begin = self.load()
            with folder_in_one_piece(self.folder / "kept") as part:
                note = {
                    "from_step": 0 if begin is None else int(read_metadata(begin)["step"]),
                    "to_step": step,
                    "digest": digest_bytes(content),
                }
                (part / _NOTE).write_text(json.dumps(note), encoding="utf-8")
                if begin is not None:
                    (part / _STATE).write_bytes(begin)
        self._newest().save(step, content)

    def drop(self) -> None:
        """Delete the newest state; the kept stretch stays."""
        shutil.rmtree(self.folder / "newest", ignore_errors=True)

    def is_ended(self) -> bool:
        """Return whether the run was made and its states were dropped."""
        return self._note() is not None and self.load() is None

    def kept(self) -> Kept:
        """Return the stretch that was drawn; raises Fault when the run saved no state."""
        note = self._note()
        if note is None:
            raise Fault(found="a training that kept no state", expected="at least one", remedy="report this as a defect")
        state = self.folder / "kept" / _STATE
        return Kept(
            from_step=note["from_step"],
            to_step=note["to_step"],
            state=state.read_bytes() if state.is_file() else None,
            digest=note["digest"],
        )

    def _newest(self) -> FolderCheckpoints:
        return FolderCheckpoints(folder=self.folder / "newest")

    def _note(self) -> dict[str, Any] | None:
        path = self.folder / "kept" / _NOTE
        if not path.is_file():
            return None
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return note

    def _draw(self, to_step: int) -> bytes:
        return hashlib.sha256(f"stretch:{self.seed}:{to_step}".encode()).digest()


def run_again(kept: Kept, train: Callable[[RunStates], None]) -> str:
    """Return the digest of the state in which the stretch ends when `train` runs it once more; nothing is written.

    train   the very call that made the run, given other states: it is left when the stretch has ended
    raises  Fault when the run ends without passing there: then it was another run
    """
    try:
        train(_SecondRun(kept=kept))
    except _StretchEnded as ended:
        return ended.digest
    raise Fault(found="a second run without the kept step", expected=f"a state after step {kept.to_step}", remedy="report this as a defect")


@dataclass(frozen=True, kw_only=True, slots=True)
class _SecondRun:
    kept: Kept

    def load(self) -> bytes | None:
        return self.kept.state

    def save(self, step: int, content: bytes) -> None:
        if step >= self.kept.to_step:
            raise _StretchEnded(digest_bytes(content))

    def drop(self) -> None:
        """Nothing was kept."""


class _StretchEnded(Exception):
    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        self.digest = digest
