"""Display text for what the models were asked: the profile, every set with its cost, what was left out, relearning, qualification.

Pure, like `view`, which puts it together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.report.asked_words import BY_DESIGN, READS, empty_words, left_out_words, profile_words, set_words
from rtbf.report.pdf.lawful_view import short

if TYPE_CHECKING:
    from collections.abc import Mapping


def asked_view(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile, the sets with planned and used tokens, what was left out of them, the attack and the qualification."""
    plan, measured = said["plan"], said["measured"]
    return {
        "profile": f"{profile_words(plan['profile'])[0].upper()}{profile_words(plan['profile'])[1:]}.",
        "models": _models(measured),
        "sets": _sets(plan, measured),
        "total": [f"{plan['cost']['verification']:,}", f"{measured['tokens_used']:,}"],
        "left_out": _left_out(plan),
        "relearning": _relearning(plan),
        "qualification": _qualification(said),
        "repeat": _repeat(measured),
    }


def _models(measured: Mapping[str, Any]) -> str:
    controls = sum(arm["role"] == "control" for arm in measured["arms"])
    if not controls:
        return "the model before unlearning and the one after it; there was no control model"
    return f"the model before unlearning, the one after it, and {controls} control model{'' if controls == 1 else 's'}"


def _sets(plan: Mapping[str, Any], measured: Mapping[str, Any]) -> list[list[str]]:
    """Return what was asked, dearest first."""
    planned = {one["name"]: one for one in plan["sets"]}
    rows = []
    for one in sorted(measured["sets"], key=lambda one: (-one["planned_tokens"], one["name"])):
        known = planned.get(one["name"])
        often = f" {known['samples']} times" if known is not None and known["samples"] > 1 else ""
        how = "trained on" if known is None else f"{READS[known['reads']]}{often}"
        rows.append(
            [set_words(one["name"]), str(one["items"]), how, str(one["passes"]), f"{one['planned_tokens']:,}", f"{one['tokens']:,}"]
        )
    return rows


def _left_out(plan: Mapping[str, Any]) -> list[list[str]]:
    """Return what could not be asked, by set; sets in which nothing could be asked come first."""
    rows = []
    for one in sorted(plan["sets"], key=lambda one: (one["items"] > 0, one["name"])):
        missing = [(reason, count) for reason, count in one["left_out"] if reason not in BY_DESIGN]
        why = "; ".join(left_out_words(reason, count) for reason, count in missing)
        if not one["items"]:
            rows.append([set_words(one["name"]), f"nothing was asked: {why or empty_words(one['name'])}"])
        elif why:
            rows.append([set_words(one["name"]), why])
    return rows


def _relearning(plan: Mapping[str, Any]) -> str:
    attack = plan["relearn"]
    if attack is None:
        return "No relearning attack was planned."
    own = attack["attacker_records"]
    first = (
        f"One attacker trained on {own} of the {plan['forget']['records']} records, and the others were looked at"
        if own
        else "There were too few records to split, so one attacker trained on made-up records of the same form"
    )
    return (
        f"{first}; another trained on {attack['benign_records']} unrelated records. Both took {attack['steps']} steps "
        f"at a learning rate of {attack['learning_rate']}, on the unlearned model and on the control models alike."
    )


def _qualification(said: Mapping[str, Any]) -> str:
    planned, used = said["plan"]["qualification"], said["measured"]["qualification"]
    if planned is None and used is None:
        return "The method has no qualification on planted records that this plan could lean on: these records have to show everything."
    digest = short((used or planned)["digest"])
    if used is None:
        return f"A qualification of the method ({digest}) was named in the plan and was not used."
    may = used["is_in_date"] and used["covers"]
    ends = "" if planned is None else f", in date until {planned['ends_on']}"
    if may:
        return f"A qualification of the method on planted records covers this run ({digest}{ends}). The claim says where it leans on it."
    why = "it had lapsed" if used["covers"] else "it does not cover this run"
    return f"A qualification of the method ({digest}{ends}) may not be used: {why}."


def _repeat(measured: Mapping[str, Any]) -> str:
    delta = measured["repeat_delta_nats"]
    if delta is None:
        return "Whether a second measurement gives the same was not measured."
    return f"Asked again in other batches, no token's log-probability moved by more than {delta} nats."
