"""The words of a verification's questions and its finished passes, sealed with the ticket's key in the ticket's own folder.

Questions are made from the person's records and hold their words; passes hold record ids and scores. Both go with the
ticket's other copies when it is closed, and cannot be read once its key is destroyed.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch
from rtbf.files import make_private_folder, replace_file
from rtbf.store.ticket_keys import ticket_key
from rtbf.vault.envelope import place_of, seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan
    from rtbf.vault.envelope import Place

QUESTIONS_NAME, PASSES_NAME = "questions.sealed", "passes"


def seal_questions(installation: Installation, plan: Plan, words: bytes) -> None:
    """Keep the questions of a plan, in place of an earlier one's of the same attempt; raises TicketShredded."""
    with installation.transaction() as session:
        key = ticket_key(session, installation.kek, plan.ticket_id)
    folder = installation.home.artefacts_of(plan.ticket_id, plan.attempt)
    make_private_folder(folder)
    replace_file(folder / QUESTIONS_NAME, seal(key, place_of(plan.ticket_id, "artefact", "questions", plan.attempt), words))


def open_sealed_questions(installation: Installation, plan: Plan) -> bytes:
    """Return the questions' words; raises ArtefactMismatch when they are gone, SealBroken, TicketShredded."""
    with installation.transaction() as session:
        key = ticket_key(session, installation.kek, plan.ticket_id)
    try:
        sealed = (installation.home.artefacts_of(plan.ticket_id, plan.attempt) / QUESTIONS_NAME).read_bytes()
    except FileNotFoundError:
        raise ArtefactMismatch(
            found="no sealed questions of this plan",
            expected=f"the file {QUESTIONS_NAME} among the ticket's artefacts",
            remedy="restore the ticket's artefacts from a backup, or plan again with `rtbf plan TICKET`",
        ) from None
    return unseal(key, place_of(plan.ticket_id, "artefact", "questions", plan.attempt), sealed)


class SealedPasses:
    """Finished passes of one attempt (`verify.arms.PassStore`), each sealed in a file named after what it follows from."""

    def __init__(self, installation: Installation, ticket_id: str, attempt: int, key: bytes) -> None:
        self._folder = installation.home.artefacts_of(ticket_id, attempt) / PASSES_NAME
        self._ticket_id, self._attempt, self._key = ticket_id, attempt, key

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`, or None; raises SealBroken for a file that was changed."""
        try:
            sealed = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        return unseal(self._key, self._place(key), sealed)

    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`, all or nothing."""
        make_private_folder(self._folder)
        replace_file(self._path(key), seal(self._key, self._place(key), content))

    def drop(self) -> None:
        """Delete all of them; without effect when there are none."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.removeprefix('sha256:')}.sealed"

    def _place(self, key: str) -> Place:
        return place_of(self._ticket_id, "artefact", f"pass.{self._attempt}", key.removeprefix("sha256:"))
