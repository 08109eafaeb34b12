"""Display text for the lawful part of a statement: deadline, identity, decisions, approvals, letters, recipients, key.

Pure, like `view`, which puts it together. Codes are told in the words of the tables; a code that no table knows is shown
as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.report.residuals import RESIDUALS
from rtbf.report.words import DECISIONS, LEVELS, NOTICES
from rtbf.ticket.codes import all_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_EVENTS = {
    "start": "the clock started",
    "suspend": "proof of identity was asked for",
    "resume": "proof of identity came",
    "extend": "the deadline was extended",
    "stop": "the answer was sent",
    "reopen": "the ticket was opened again",
}
_SHORT = 12
_TONES = {"kept": "good", "missed": "bad", "running": "open"}


def deadline_words(clock: Mapping[str, Any]) -> dict[str, str]:
    """Return the deadline's standing as a word and as a sentence, and its tone: kept, missed or running.

    With both dates where they differ. `rest` is the sentence without the word, for where that stands above it.
    """
    due, answered = day(clock["deadline_on"]), clock["answered_on"]
    if answered is not None:
        said = f"answered on {day(answered)}, due by {due}."
    elif clock["standing"] == "running":
        said = f"an answer is due by {due}; none had been sent when this report was issued."
    else:
        said = f"an answer was due by {due}, and none had been sent when this report was issued."
    if clock["strict_deadline_on"] != clock["deadline_on"]:
        said += f" Without suspension or extension it would have been {day(clock['strict_deadline_on'])}."
    return {
        "word": clock["standing"].upper(),
        "text": f"Deadline {clock['standing']}: {said}",
        "rest": said[0].upper() + said[1:],
        "tone": _TONES[clock["standing"]],
    }


def clock_view(clock: Mapping[str, Any]) -> dict[str, Any]:
    """Return the clock's facts, its events in words, how its dates came about, and what may be doubted about them."""
    zone = f"{clock['time_zone']}; holidays: {clock['calendar']}"
    return {
        "facts": [
            ["Received", day(clock["received_on"])],
            ["Due, strictly", day(clock["strict_deadline_on"])],
            ["Due, with suspension and extension", day(clock["deadline_on"])],
            ["Answered", "not yet" if clock["answered_on"] is None else day(clock["answered_on"])],
            ["Days counted in", zone],
        ],
        "events": [[day(event["on"]), _event(event)] for event in clock["events"]],
        "steps": list(clock["steps"]),
        "flags": list(clock["flags"]),
    }


def identity_rows(said: Mapping[str, Any]) -> list[list[str]]:
    """Return each identity check: method, the level it reached, and how it ended."""
    return [[check["method"].replace("_", " ").capitalize(), _level(check), check["result"]] for check in said["ticket"]["identity"]]


def decisions_view(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decisions by kind, verdict and reason, who made them, and the holds that stood against some."""
    decisions = said["decisions"]
    return {
        "rows": [
            [
                f"{entry['items']} {entry['kind']}{'s' if entry['items'] != 1 else ''}",
                DECISIONS.get(entry["verdict"], entry["verdict"]),
                code_words(entry["code"]) if entry["code"] else "no reason needed",
            ]
            for entry in decisions["counts"]
        ],
        "deciders": ", ".join(decisions["deciders"]),
        "holds": [
            [hold["scope_kind"], code_words(hold["ground"]), "until it is released" if hold["until"] is None else day(hold["until"][:10])]
            for hold in said["holds"]
        ],
        "kept_out": _kept_out(said["plan"]["held_items"], said["unlearned"]["withheld_records"]),
    }


def approvals_view(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return who did what, each decision on the plan with its proof, and how the quorum came about."""
    quorum = said["quorum"]
    return {
        "roles": [
            ["Ticket submitted by", said["ticket"]["submitted_by"]],
            ["Items decided by", ", ".join(said["decisions"]["deciders"])],
            ["Plan made by", said["plan"]["planned_by"]],
            ["Approvals needed", f"{quorum['needed']}. {quorum['reason']}"],
            ["Enough had approved", moment(quorum["met_at"])],
            ["Grace period ended", moment(quorum["grace_ends_at"])],
            ["Unlearning began", moment(quorum["unlearning_started_at"])],
        ],
        "rows": [
            [given["actor_id"], given["decision"], moment(given["given_at"]), moment(given["expires_at"]), _proof(given)]
            for given in said["approvals"]
        ],
    }


def approved_words(said: Mapping[str, Any]) -> str:
    """Return in one line when the plan was approved, by how many, and how many of them signed."""
    yes = [given for given in said["approvals"] if given["decision"] == "approved"]
    people = len({given["actor_id"] for given in yes})
    signed = sum(given["signature"] is not None for given in yes)
    proof = "self-declared" if not signed else "signed" if signed == len(yes) else f"{signed} of {len(yes)} signed"
    return f"{moment(said['quorum']['met_at'])}, by {people} {'person' if people == 1 else 'people'}, {proof}"


def notice_rows(said: Mapping[str, Any]) -> list[list[str]]:
    """Return the letters that went out: what, when, how, in which language and words."""
    return [
        [NOTICES.get(entry["kind"], entry["kind"]), moment(entry["sent_at"]), entry["channel"], entry["locale"], entry["template_digest"]]
        for entry in said["notices"]
    ]


def recipients_words(said: Mapping[str, Any]) -> str:
    """Return what became of those who had received the data, in one sentence."""
    counts = said["recipients"]
    if not any(counts.values()):
        return "No recipient of this data is registered here."
    return (
        f"Recipients of the data (GDPR Article 19): confirmed {counts['acknowledged']}; told, without an answer yet {counts['notified']}; "
        f"still to be told {counts['due']}; not told, with a justification on file {counts['disproportionate']}."
    )


def residual_rows(said: Mapping[str, Any]) -> list[list[str]]:
    """Return what is left over: what, why, whose it is, and by when."""
    rows = []
    for entry in said["residuals"]:
        words = RESIDUALS.get(entry["kind"], ("", ""))[0]
        name = "" if entry["kind"] == "own_copies" else _readable(entry["name"])
        what = f"{words} {name}".strip().rstrip(":")
        rows.append([what, entry["detail"], entry["owner"], day(entry["due_on"])])
    return rows


def key_words(said: Mapping[str, Any]) -> str:
    """Return when the ticket's key is destroyed, what that does, and for how long a backup might outlive it."""
    key = said["key"]
    when = {
        "ticket open": f"will be destroyed {key['appeal_window_days']} days after the ticket is closed",
        "due": f"is to be destroyed on {day(key['destruction_on'] or '')}",
        "destroyed": f"was destroyed on {day(key['destruction_on'] or '')}",
    }[key["state"]]
    return (
        f"The person's details and all texts about this case are sealed under a key of this ticket alone. It {when}; from then on "
        f"nobody can read them, and later tests for this ticket end. Until {key['backup_bound_days']} days after that, a backup of the "
        "key store could still bring the key back."
    )


def code_words(code: str) -> str:
    """Return what a reason code means, with its article; the code itself when no table knows it."""
    for vocabulary in all_codes().values():
        for known in vocabulary:
            if known.code == code:
                return f"{known.meaning} ({known.article})"
    return code


def day(text: str) -> str:
    """Return "2 March 2026" of an ISO date; any other text as it is."""
    year, _, rest = text.partition("-")
    month, _, number = rest.partition("-")
    if not (month.isdigit() and number.isdigit() and 1 <= int(month) <= len(_MONTHS)):
        return text
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def moment(text: str) -> str:
    """Return "2026-03-02 12:00 UTC" of an RFC 3339 text in UTC."""
    return f"{text[:10]} {text[11:16]} UTC"


def short(digest: str) -> str:
    """Return the first twelve digits of a digest, marked as cut. The appendix has the whole."""
    plain = digest.rpartition(":")[2]
    return plain if len(plain) <= _SHORT else plain[:_SHORT] + "…"


def _level(check: Mapping[str, Any]) -> str:
    # A check that did not pass reaches no level; that none was written down is no news then.
    level: str = "none" if check["result"] != "passed" else check["level"]
    return LEVELS.get(level, level)


def _event(event: Mapping[str, Any]) -> str:
    words = _EVENTS[event["kind"]]
    return words if event["code"] is None else f"{words}: {code_words(event['code'])}"


def _kept_out(held: int, withheld: int) -> str:
    """Return what was to be erased and was not, or that there is nothing of the kind."""
    parts = []
    if held:
        parts.append(f"{held} item(s) were left out of the plan because of a hold.")
    if withheld:
        parts.append(f"{withheld} record(s) of the approved plan were kept after all: a hold or a decision came later.")
    return " ".join(parts) or "Nothing that was to be erased was held back."


def _proof(given: Mapping[str, Any]) -> str:
    signature = given["signature"]
    return "self-declared" if signature is None else f"signed with key {short(signature['key_id'])}"


def _readable(name: str) -> str:
    """Return a residual's name with the digests in it cut short."""
    return " ".join(short(word) if word.startswith("sha256:") else word for word in name.split())
