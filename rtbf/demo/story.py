"""The story that `rtbf demo` tells: every step is the real thing, on a tiny model, with nothing prepared beforehand.

It says what it expects before it measures, and what came out, whatever that is. It does not promise a PASS: twenty records
hold too few details that can be ranked, an attack may bring the data back, and the verdict says so. The officer decides, two
people approve, letters are written, and a second person closes, as the law of the tool asks of everybody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.demo.audit import Audited, audit, hand_out
from rtbf.demo.chapters import APPROVERS, OFFICER, PLANNER, SEED, Narrator, ask, chapter, locate_and_decide, submit, unlearn, verdict_of
from rtbf.demo.community import Person, invent_people, write_corpus
from rtbf.demo.shards import Sharded, tell_shards
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.installation import create_installation
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.dossier import read_dossier
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.restriction import training_restriction
from rtbf.plan.request import PlanRequest
from rtbf.policy import Policy
from rtbf.registration import add_corpus
from rtbf.ticket_view import TicketView
from rtbf.unlearn.record import FULL_WEIGHTS

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.ticket_view import TicketView
    from rtbf.work_lease import WorkSettings

N_PEOPLE = 20
MODEL, CORPUS = "helper", "community"
POLICY = Policy(
    grace_s=0,
    controller_name="Example Models",
    controller_contact="privacy@example.org",
    authority_name="the data protection authority of Exampleland",
    sells_or_shares=False,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What the story left behind."""

    ticket_id: str
    report_folder: Path
    outbox: Path
    npo_verdict: str
    noop_verdict: str
    exact_verdict: str | None
    shards: Sharded | None
    check_status: str
    refused: int
    tampered: int
    outcome: str | None
    elapsed_s: float

    @property
    def is_as_expected(self) -> bool:
        """Return whether what must hold does.

        The untouched model fails, the report can be checked and tampered copies cannot; and a model in shards that lost a person
        has the bytes of a training without them.
        """
        has_equal_bytes = self.shards is None or self.shards.is_equal
        return self.noop_verdict == "FAIL" and self.check_status == "ok" and self.refused == self.tampered and has_equal_bytes


def tell(folder: Path, narrator: Narrator, progress: Progress, work: WorkSettings, *, is_exact: bool = False) -> Ending:
    """Tell the whole story in a new home at `folder`; raises HomeExists when something is there already.

    is_exact   make the weights anew in the end, instead of being content with npo's; and erase a second person from a model in shards
    """
    started = time.monotonic()
    installation, people = _set_up(folder, narrator, progress, work)
    person = people[0]
    ticket_id = submit(installation, person, narrator, "A letter comes in: the first of them wants to be forgotten")
    locate_and_decide(installation, ticket_id, narrator, progress, work)
    noop = _control(installation, ticket_id, narrator, progress, work)
    npo = _npo(installation, ticket_id, narrator, progress, work)
    anew = _anew(installation, ticket_id, narrator, progress, work) if is_exact else None
    _ask_again(installation, person, anew or npo, narrator, work)
    outcome = _answer_and_close(installation, ticket_id, anew or npo, narrator)
    audited = _audit(installation, ticket_id, narrator, work)
    shards = tell_shards(installation, narrator, progress, work) if is_exact else None
    return Ending(
        ticket_id=ticket_id,
        report_folder=audited.folder,
        outbox=installation.home.outbox,
        npo_verdict=verdict_of(npo),
        noop_verdict=verdict_of(noop),
        exact_verdict=None if anew is None else verdict_of(anew),
        shards=shards,
        check_status=audited.status,
        refused=audited.refused,
        tampered=audited.tampered,
        outcome=outcome,
        elapsed_s=time.monotonic() - started,
    )


def _set_up(folder: Path, narrator: Narrator, progress: Progress, work: WorkSettings) -> tuple[Installation, list[Person]]:
    with chapter(narrator, "An installation, a community, a model that has learned it by heart", "set-up"):
        installation = create_installation(folder, None, policy=POLICY)
        people = invent_people(N_PEOPLE, SEED)
        path = installation.home.corpora / "community.jsonl"
        count = write_corpus(people, path)
        narrator.say(f"{N_PEOPLE} fictitious people, {count} records: {path}")
        add_corpus(installation, name=CORPUS, paths=[path], actor=PLANNER, connector_name=None, prompt_field=None, completion_field=None)
        request = TrainingRequest(name=MODEL, corpus=CORPUS, preset="tiny", overrides={}, base=None, seed=SEED)
        barred = training_restriction(installation, CORPUS)
        model = train_model(
            installation,
            request,
            PLANNER,
            restricted=barred.restricted,
            unsearched=barred.unsearched,
            threads=work.torch_threads,
            progress=progress,
        )
        narrator.say(f"a tiny Llama from scratch, trained until it knows them: {model.digest}")
        for person in people[:2]:
            ask(installation, MODEL, person, narrator, work, None)
    return installation, people


def _control(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("Could this verifier fail anything? First a method that changes nothing: it must FAIL.")
    return unlearn(installation, ticket_id, PlanRequest(method="noop", seed=SEED, profile="smoke"), narrator, progress, work)


def _npo(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("Then npo, with the whole battery. Its paper's models pass output tests; the plan asks for no more than suppression,")
    narrator.say("since a little training is expected to bring the records back (R4). Asked for removal, that would be a FAIL.")
    return unlearn(installation, ticket_id, PlanRequest(method="npo", seed=SEED, guarantee="suppression"), narrator, progress, work)


def _anew(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("Last the honest way: the recipe once more on the 380 records that remain. Nobody has to believe a test of twenty records")
    narrator.say("then: the record says what the training was given, and a stretch of it is run a second time. Asked for: class exact.")
    view = unlearn(installation, ticket_id, PlanRequest(method="full_retrain", seed=SEED), narrator, progress, work)
    proof = None if view.unlearned is None else view.unlearned.proof
    if proof is not None and proof.rerun is not None:
        same = "equal" if proof.rerun.expected == proof.rerun.found else "NOT equal"
        narrator.say(f"steps {proof.rerun.from_step + 1} to {proof.rerun.to_step}, first run:  {proof.rerun.expected}")
        narrator.say(f"the same steps, second run: {proof.rerun.found}: the bytes are {same}")
    return view


def _audit(installation: Installation, ticket_id: str, narrator: Narrator, work: WorkSettings) -> Audited:
    folder = installation.home.path / "outgoing"
    with chapter(narrator, "The final report is signed and handed out", "work"):
        files = hand_out(installation, ticket_id, folder, narrator.say, work)
    with chapter(narrator, "Checked as an auditor would, without our database", "work"):
        return audit(installation, ticket_id, files, folder, narrator.say)


def _ask_again(installation: Installation, person: Person, view: TicketView, narrator: Narrator, work: WorkSettings) -> None:
    with chapter(narrator, "The model is asked again: original, then unlearned", "work"):
        ask(installation, MODEL, person, narrator, work, 1)
        if view.unlearned is not None and view.unlearned.kind in FULL_WEIGHTS:
            # Doing nothing made no weights; every other attempt made a revision of its own.
            ask(installation, MODEL, person, narrator, work, view.unlearned.attempt)


def _answer_and_close(installation: Installation, ticket_id: str, view: TicketView, narrator: Narrator) -> str | None:
    """Tell the person what was done and close, as far as the verdict allows; return the outcome, None when it stays open."""
    with chapter(narrator, "The person is told, a second person closes, and the clock stops", "work"):
        if verdict_of(view) == "PASS":
            send_notice(installation, ticket_id, "fulfilment", OFFICER)
        elif verdict_of(view) == "INCONCLUSIVE":
            send_notice(installation, ticket_id, "partial", OFFICER)
            close_ticket(installation, ticket_id, "partially_fulfilled", APPROVERS[0])
        else:
            narrator.say("the verdict is FAIL: nothing can be told to the person yet, and the next plan is a person's choice")
        dossier = read_dossier(installation, ticket_id)
        for letter in dossier.letters:
            narrator.say(f"letter: {letter.kind.replace('_', ' ')} ({letter.state})")
        for step in dossier.clock.steps:
            narrator.say(f"clock: {step}")
        if dossier.view.outcome is not None:
            remains = f"{len(dossier.open_residuals)} thing(s) remain, each with an owner and a date"
            narrator.say(f"closed as {dossier.view.outcome.replace('_', ' ')}: {remains}")
        if dossier.view.shred_due_at is not None:
            narrator.say(f"on {dossier.view.shred_due_at:%Y-%m-%d} the ticket's key is destroyed, and this service has forgotten who asked")
        return dossier.view.outcome
