"""An officer's terminal on a home with one located ticket: command lines go through the root, as a shell's do."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from rtbf.cli.main import run_arguments
from rtbf.evidence.canonical import digest_of
from rtbf.lm.record import Model
from rtbf.pipeline.footprints import finish_footprint
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.plans import finish_plan
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import TicketView, view_ticket
from tests import builders
from tests.said import Said

if TYPE_CHECKING:
    from rtbf.installation import Installation

PERSON, MAIL = "Ines Varga", "ines@example.org"


@dataclass(frozen=True)
class Desk:
    """A home with one ticket in which 20 records and one model were found."""

    installation: Installation
    ticket_id: str

    def __call__(self, *arguments: str, actor: str = "otto", stdin: str = "") -> Said:
        """Run one command line in this process, on a pipe, by the installation's own clock."""
        out, err, pipe = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            stack.enter_context(mock.patch("sys.stdin", pipe))
            stack.enter_context(mock.patch("rtbf.startup.open_home", return_value=self.installation))
            code = run_arguments(["--home", str(self.installation.home.path), "--as", actor, *arguments])
        return Said(code, out.getvalue(), err.getvalue())

    @property
    def view(self) -> TicketView:
        return view_ticket(self.installation, self.ticket_id)

    def decide(self) -> None:
        said = self("decide", self.ticket_id, "all", "--verdict", "erase", "--code", "NonNecessity")
        assert said.code == 0, said.err

    def plan(self, **changes: Any) -> str:
        """Freeze a plan by "max" for what is decided now; return its digest."""
        view = self.view
        with self.installation.transaction() as session:
            planner = actor_id_for(session, "max", self.installation.clock())
        made = builders.plan(
            ticket_id=self.ticket_id, planned_by=planner, footprint_digest=digest_of(view.footprint),
            decisions_digest=digest_of(view.decisions), **changes,
        )  # fmt: skip
        return finish_plan(self.installation, made, "max")


def located_desk(installation: Installation) -> Desk:
    """Return a desk whose ticket was submitted by "olga" and located."""
    now = installation.clock()
    body = {"subject": [{"kind": "name", "value": PERSON}, {"kind": "email", "value": MAIL}], "identity": {"method": "in_person"}}
    ticket_id = submit_ticket(installation, read_submission({**body, "channel": "email"}, now), "olga")
    original = Model(
        name="assistant", revision=1, digest=builders.sha(5), origin="trained", recipe=(), seed=None, trained_on=(), base_digest=None,
        removals=(), files=(), environment=(),
    )  # fmt: skip
    with installation.transaction() as session:
        registry.save_model(session, original, "models/assistant/1", "live", now)
    finish_footprint(installation, replace(builders.footprint(), ticket_id=ticket_id), "worker")
    return Desk(installation=installation, ticket_id=ticket_id)
