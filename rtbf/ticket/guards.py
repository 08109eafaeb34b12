"""The guards of a ticket's moves: each a question to the facts, with the words for when the answer is no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.ticket.facts import Facts

SECOND_PERSON = "second_person"


@dataclass(frozen=True, slots=True)
class Guard:
    """A named condition; `found`, `expected` and `remedy` are said when it does not hold."""

    name: str
    holds: Callable[[Facts], bool]
    found: str
    expected: str
    remedy: str


def _notice(kind: str, article: str) -> Guard:
    return Guard(
        f"notice_{kind}",
        lambda facts: kind in facts.notices,
        f"no {kind} notice sent",
        f"a sent {kind} notice ({article})",
        f"`rtbf notice send TICKET {kind}`",
    )


_ALL = (
    Guard(
        "identity_asked",
        lambda facts: facts.is_identity_asked,
        "no identity check asked for",
        "a check with its doubt",
        "`rtbf identify TICKET ask --doubt CODE --method METHOD`",
    ),
    Guard(
        "identified",
        lambda facts: facts.is_identified,
        "an identity that is not established",
        "a passed check of the level the regime asks for",
        "`rtbf identify TICKET record --method METHOD`, or `ask` first",
    ),
    Guard(
        "identity_over",
        lambda facts: facts.is_identity_over and not facts.is_identified,
        "an identity check that is still open",
        "a check that expired or failed",
        "wait for the answer, or record it",
    ),
    Guard(
        "same_as_identified",
        lambda facts: facts.is_identified and facts.is_same_as_identified,
        "no linked ticket of an identified person",
        "two identified tickets linked as possible duplicates",
        "see `rtbf show TICKET` for linked tickets",
    ),
    Guard("located", lambda facts: facts.has_footprint, "no footprint", "a footprint", "`rtbf run TICKET`"),
    Guard(
        "nothing_found",
        lambda facts: facts.has_footprint and (not facts.has_hits or facts.is_about_others),
        "records found for this person",
        "an empty footprint, or every record decided to be about somebody else",
        "decide on them: `rtbf decide TICKET all --verdict …`",
    ),
    Guard(
        "decided",
        lambda facts: facts.has_footprint and facts.has_hits and facts.is_decided,
        "items without a decision",
        "a decision on every record and model found",
        "`rtbf decide TICKET all --verdict erase --code CODE`",
    ),
    Guard(
        "something_erased",
        lambda facts: facts.is_anything_erased,
        "nothing decided 'erase'",
        "at least one item to erase",
        "close it as refused, or decide again",
    ),
    Guard(
        "model_to_change",
        lambda facts: facts.has_model_to_change,
        "no model to change",
        "a reached model decided 'erase' with records that are not held",
        "see the decisions and holds in `rtbf show TICKET`",
    ),
    Guard(
        "no_model_to_change",
        lambda facts: not facts.has_model_to_change,
        "a model that still has to be changed",
        "no reached model left to change",
        "`rtbf run TICKET`",
    ),
    Guard(
        "refusable",
        lambda facts: (
            facts.has_refusal_code or (facts.is_decided and facts.has_hits and not facts.is_anything_erased and not facts.is_about_others)
        ),
        "items decided 'erase' and no reason to refuse the whole request",
        "every item kept with its exemption, or a refusal code",
        "`rtbf notice send TICKET refusal --code CODE`",
    ),
    Guard(
        "refused_whole",
        lambda facts: facts.has_refusal_code,
        "no reason to refuse the whole request",
        "a refusal code sent to the person",
        "`rtbf notice send TICKET refusal --code CODE`",
    ),
    Guard(
        "plan_live",
        lambda facts: facts.is_plan_live,
        "a plan that footprint, decisions or holds have overtaken",
        "a plan made from the newest footprint, for no more than was decided",
        "`rtbf plan TICKET`",
    ),
    Guard(
        "approved",
        lambda facts: facts.is_approved and not facts.is_rejected and not facts.is_approval_expired,
        "a plan without enough live approvals",
        "the plan's quorum of unexpired approvals",
        "`rtbf approve TICKET --digest …`",
    ),
    Guard(
        "grace_over",
        lambda facts: facts.is_grace_over,
        "a grace period that is not over",
        "the end of the grace period the plan names",
        "wait, or withdraw the ticket",
    ),
    Guard(
        "nothing_unlearned",
        lambda facts: not facts.is_unlearned,
        "weights that were already changed",
        "an attempt that has not produced weights",
        "`rtbf run TICKET` goes on to verification",
    ),
    Guard("unlearned", lambda facts: facts.is_unlearned, "no unlearned weights", "the unlearning's record", "`rtbf run TICKET`"),
    Guard("judged", lambda facts: facts.verdict is not None, "no verdict yet", "a verdict", "`rtbf run TICKET`"),
    Guard(
        "judged_not_failed",
        lambda facts: facts.verdict in {"PASS", "INCONCLUSIVE"},
        "a FAIL verdict, or none",
        "a verdict that is not FAIL",
        "`rtbf plan TICKET --method …` for another attempt",
    ),
    Guard(
        "passed",
        lambda facts: facts.verdict == "PASS" and facts.is_releasable,
        "no PASS of a class that may fulfil a request",
        "a PASS verdict, which closes by itself once the person was told",
        "close as partially_fulfilled, or make another plan",
    ),
    Guard(
        "all_unlearned",
        lambda facts: facts.is_all_unlearned,
        "items decided 'erase' that this attempt left out",
        "an attempt that took in everything decided 'erase'",
        "close as partially_fulfilled, or make another plan",
    ),
    Guard(
        "nothing_held",
        lambda facts: not facts.is_held,
        "items kept back by a hold",
        "no live hold on anything to be erased",
        "close as partially_fulfilled, or release the hold",
    ),
    Guard(
        "rest_named",
        lambda facts: facts.is_rest_named,
        "residuals without owner or date",
        "an owner and a date for everything that remains",
        "`rtbf residual list TICKET`",
    ),
    Guard(
        "key_alive",
        lambda facts: not facts.is_key_destroyed,
        "a ticket whose key was destroyed",
        "a ticket that can still be opened",
        "let the person submit again",
    ),
    Guard(
        SECOND_PERSON,
        lambda facts: not facts.is_submitter,
        "the actor who submitted the ticket",
        "a second person",
        "let a colleague act with --as NAME",
    ),
    _notice("fulfilment", "GDPR Art. 12(3)"),
    _notice("partial", "GDPR Art. 12(3), 12(4)"),
    _notice("refusal", "GDPR Art. 12(4)"),
    _notice("no_data", "GDPR Art. 12(3)"),
    _notice("unverified", "GDPR Art. 12(2), 12(4)"),
    _notice("withdrawal_confirmed", "GDPR Art. 12(3)"),
)

GUARDS = {guard.name: guard for guard in _ALL}
