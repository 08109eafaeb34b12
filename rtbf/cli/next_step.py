"""Who must act on a ticket now, and the exact command: one answer for every reason a ticket can wait for.

A word in capitals in a command (METHOD, CODE, DOUBT) is to be chosen by a person; nothing else in it is. A choice that a
person is accountable for is never filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.pipeline.dossier import Dossier

WAITS_FOR = {
    "need_identity": "waits for proof of who is asking",
    "need_decision": "waits for a person's decision",
    "need_plan": "waits for another plan",
    "need_approval": "waits for approval",
    "need_notice": "waits for a letter to the person",
    "hold": "kept back by a legal hold",
    "grace_period": "approved; may still be called off",
    "awaiting_worker": "ready to be worked on",
    "error": "stopped with an error",
}
"""Each reason, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One command line, and what it is for."""

    line: str
    purpose: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """Who must act, what for, and by which commands, the first one first."""

    who: str
    sentence: str
    commands: tuple[Command, ...]

    @property
    def text(self) -> str:
        """Return the step as one sentence with its commands."""
        if not self.commands:
            return self.sentence
        return f"{self.sentence}: " + "; ".join(f"{command.purpose}: `{command.line}`" for command in self.commands)


def next_step(dossier: Dossier) -> NextStep:
    """Return what has to happen next with the ticket."""
    ticket_id = dossier.ticket_id
    if dossier.view.state == "closed":
        return _after_closing(dossier)
    match dossier.view.reason:
        case "need_identity":
            return _identity(dossier)
        case "need_decision":
            return _decision(dossier)
        case "need_plan":
            return NextStep(
                who="an ML engineer",
                sentence="An earlier plan is spent (rejected, overtaken, expired, or judged FAIL); the next one is a person's choice",
                commands=(Command(line=f"rtbf plan {ticket_id}", purpose="plan again; --options shows what else could be done"),),
            )
        case "need_approval":
            return _approval(dossier)
        case "need_notice":
            return NextStep(
                who="a privacy officer",
                sentence="The verdict is PASS; the ticket closes as fulfilled once the person was told (GDPR Art. 12(3))",
                commands=(
                    Command(line=f"rtbf notice send {ticket_id} fulfilment", purpose="send the letter"),
                    Command(line=f"rtbf run {ticket_id}", purpose="then close"),
                ),
            )
        case "hold":
            return _hold(dossier)
        case "grace_period":
            return _grace(dossier)
        case "error":
            return NextStep(
                who="an operator",
                sentence="Work stopped with an error; nothing is half-done",
                commands=(
                    Command(line=f"rtbf log show {ticket_id}", purpose="the last event, ticket.stopped, names the error"),
                    Command(line=f"rtbf run {ticket_id}", purpose="mend it, then go on"),
                ),
            )
        case _:
            return NextStep(
                who="a worker, or an ML engineer",
                sentence=_WORK.get(dossier.view.state, "The next stage can be run"),
                commands=(Command(line=f"rtbf run {ticket_id}", purpose="go on, here"),),
            )


_WORK = {
    "locating": "The person can be searched for",
    "planning": "Everything is decided; a plan can be made",
    "awaiting_approval": "The plan can be started, or taken back to planning if it is spent",
    "unlearning": "Unlearning goes on where it stopped",
    "verifying": "The unlearned model can be measured, or the ticket closed",
}


def _identity(dossier: Dossier) -> NextStep:
    ticket_id = dossier.ticket_id
    record = Command(line=f"rtbf identify {ticket_id} record --method METHOD", purpose="when it was checked otherwise, say how")
    ask = Command(line=f"rtbf identify {ticket_id} ask --method METHOD --doubt DOUBT", purpose="or ask the person, naming the doubt")
    newest = dossier.checks[-1] if dossier.checks else None
    if newest is not None and newest.result == "open":
        until = "" if newest.expires_at is None else f" until {newest.expires_at:%Y-%m-%d %H:%M} UTC"
        commands: tuple[Command, ...] = (record,)
        if newest.method == "email_code":
            commands = (Command(line=f"rtbf identify {ticket_id} answer", purpose="when the person brings the code"), record)
        return NextStep(
            who="the person who asked",
            sentence=f"They were asked to show who they are ({newest.method}), and may answer{until}",
            commands=commands,
        )
    if newest is not None and newest.result == "passed":
        sentence = f"The check that was passed reaches level '{newest.level}'; this requester needs '{dossier.level_needed}'"
        return NextStep(who="a privacy officer", sentence=sentence, commands=(record, ask))
    if dossier.facts.is_identity_over:
        ended = "has expired" if newest is not None and newest.result == "expired" else "has failed"
        return NextStep(
            who="a privacy officer",
            sentence=f"The identity check {ended}: ask again, record another one, or close the ticket as unverified",
            commands=(ask, record, *_closing(dossier, "unverified", "unverified")),
        )
    return NextStep(
        who="a privacy officer", sentence=f"Show who is asking; this requester needs level '{dossier.level_needed}'", commands=(record, ask)
    )


def _decision(dossier: Dossier) -> NextStep:
    if dossier.view.state == "verifying":
        return _judgement(dossier)
    ticket_id, facts = dossier.ticket_id, dossier.facts
    again = Command(line=f"rtbf footprint {ticket_id} --again", purpose="or search once more, when corpora or models have changed")
    look = Command(line=f"rtbf show {ticket_id} --items", purpose="look at the items")
    if not facts.has_hits or facts.is_about_others:
        found = "Everything found is about somebody else" if facts.has_hits else "Nothing was found in what was searched"
        return NextStep(
            who="a second person, not the submitter",
            sentence=f"{found}: tell the person, then close",
            commands=(*_closing(dossier, "no_data", "no_data"), again),
        )
    if not facts.is_decided:
        codes = f"rtbf regime show {dossier.view.ticket.regime}"
        return NextStep(
            who="a privacy officer",
            sentence=f"{_count(dossier.undecided, 'item')} without a decision",
            commands=(
                look,
                Command(line=codes, purpose="choose a code"),
                Command(line=f"rtbf decide {ticket_id} all --verdict erase --code CODE", purpose="decide; -h shows the other verdicts"),
            ),
        )
    if not facts.is_anything_erased:
        return NextStep(
            who="a second person, not the submitter",
            sentence="No record is to be erased: tell the person why, then close as refused",
            commands=(*_closing(dossier, "refused", _refusal(dossier)), look),
        )
    return NextStep(
        who="a second person, not the submitter",
        sentence=(
            "No model that can be changed has learned what is to be erased: delete it at the source, tell the person what was done and "
            "what remains, then close"
        ),
        commands=(*_closing(dossier, "partially_fulfilled", "partial"), again),
    )


def _judgement(dossier: Dossier) -> NextStep:
    verification = dossier.view.verification
    verdict = None if verification is None else verification.verdict
    why = "The measurements decide neither way"
    if verdict is not None and verdict.status == "PASS":
        reasons = []
        if not dossier.facts.is_releasable:
            reasons.append(f"class '{verdict.class_awarded}' alone fulfils no request")
        if not dossier.facts.is_all_unlearned:
            reasons.append("this attempt left out something that is to be erased")
        if dossier.facts.is_held:
            reasons.append("a legal hold keeps items back")
        if not dossier.facts.is_rest_named:
            reasons.append("something that remains has no owner or date")
        why = f"The verdict is PASS, but {' and '.join(reasons)}"
    return NextStep(
        who="a second person, not the submitter",
        sentence=f"{why}: accept what remains and close as partially fulfilled, or make another plan",
        commands=(
            *_closing(dossier, "partially_fulfilled", "partial"),
            Command(line=f"rtbf plan {dossier.ticket_id}", purpose="or plan again; --options shows what else could be done"),
        ),
    )


def _approval(dossier: Dossier) -> NextStep:
    view, missing = dossier.view, dossier.missing_approvals or 0
    quorum = 1 if view.plan is None else view.plan.quorum
    people = "1 more person" if missing == 1 else f"{missing} more people"
    already = f" ({quorum - missing} of {quorum} approved)" if 0 < missing < quorum else ""
    return NextStep(
        who="somebody who neither submitted, planned nor decided",
        sentence=f"{people} must read the plan and approve it by its digest{already}",
        commands=(
            Command(line=f"rtbf show {dossier.ticket_id} --plan", purpose="read it"),
            Command(line=f"rtbf approve {dossier.ticket_id} --digest {view.plan_digest}", purpose="approve"),
            Command(line=f"rtbf reject {dossier.ticket_id} --digest {view.plan_digest}", purpose="or reject; anyone may"),
        ),
    )


def _hold(dossier: Dossier) -> NextStep:
    holds = {hold.hold_id: hold for hold in dossier.held.values()}
    ends = [hold.until for hold in holds.values()]
    when = "until it is released" if None in ends else f"until {max(end for end in ends if end is not None):%Y-%m-%d %H:%M} UTC"
    return NextStep(
        who="whoever placed the hold",
        sentence=f"{_count(holds, 'hold')} keep{'s' if len(holds) == 1 else ''} back what is to be erased, {when}",
        commands=(
            Command(line="rtbf hold list", purpose="see the papers' reference"),
            *(Command(line=f"rtbf hold release {hold_id}", purpose="when its reason is gone") for hold_id in sorted(holds)),
            *_closing(dossier, "partially_fulfilled", "partial"),
        )
        if dossier.view.state == "planning"
        else (
            Command(line="rtbf hold list", purpose="see the papers' reference"),
            *(Command(line=f"rtbf hold release {hold_id}", purpose="when its reason is gone") for hold_id in sorted(holds)),
        ),
    )


def _grace(dossier: Dossier) -> NextStep:
    ends = "later" if dossier.grace_ends_at is None else f"at {dossier.grace_ends_at:%Y-%m-%d %H:%M} UTC"
    return NextStep(
        who="nobody: time",
        sentence=f"The plan is approved and may start {ends}; until then anyone can call it off. For a trial, plan with RTBF_GRACE_H=0",
        commands=(
            Command(line=f"rtbf run {dossier.ticket_id}", purpose="start it then"),
            Command(line=f"rtbf reject {dossier.ticket_id} --digest {dossier.view.plan_digest}", purpose="or call it off"),
        ),
    )


def _after_closing(dossier: Dossier) -> NextStep:
    left = dossier.open_residuals
    ending = f"Closed as {(dossier.view.outcome or '').replace('_', ' ')}"
    if not left:
        return NextStep(who="nobody", sentence=f"{ending}; nothing remains to be done", commands=())
    return NextStep(
        who=", ".join(sorted({entry.owner or "a privacy officer" for entry in left})),
        sentence=f"{ending}; {_count(left, 'residual')} to be settled",
        commands=(Command(line=f"rtbf residual list {dossier.ticket_id}", purpose="see what remains, whose it is, and until when"),),
    )


def _closing(dossier: Dossier, outcome: str, letter: str) -> Iterator[Command]:
    """Yield what is left to be done to close as `outcome`: name the rest, send the letter, close."""
    ticket_id = dossier.ticket_id
    if outcome == "partially_fulfilled" and not dossier.facts.is_rest_named:
        yield Command(line=f"rtbf residual list {ticket_id}", purpose="give every residual an owner and a date")
    if letter.partition(" ")[0] not in dossier.facts.notices:
        yield Command(line=f"rtbf notice send {ticket_id} {letter}", purpose="send the letter")
    yield Command(line=f"rtbf decide {ticket_id} --close {outcome}", purpose="then close")


def _refusal(dossier: Dossier) -> str:
    """Return the letter and what it needs: without an exemption to name, a person has to say why the whole is refused."""
    has_exemption = any(count.verdict == "retain" for count in dossier.counts)
    return "refusal" if has_exemption else "refusal --code CODE --text -"


def _count(things: object, word: str) -> str:
    count = len(things)  # type: ignore[arg-type]  # any collection
    return f"{count} {word}{'' if count == 1 else 's'}"
