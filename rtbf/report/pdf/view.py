"""Turn a signed statement into display text for the template: words, grouped digests, rounded numbers.

Pure. The template computes nothing: it would print 0.0 as 0 and round as it likes. Every rounding happens here, in
decimal, and rounds a number other than zero never to zero. The full digits are in the signed JSON.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from rtbf.report.pdf.asked_view import asked_view
from rtbf.report.pdf.charts import curve_chart, percent, shown
from rtbf.report.pdf.lawful_view import (
    approvals_view,
    approved_words,
    clock_view,
    code_words,
    deadline_words,
    decisions_view,
    identity_rows,
    key_words,
    moment,
    notice_rows,
    recipients_words,
    residual_rows,
    short,
)
from rtbf.report.pdf.letters import printable_view
from rtbf.report.pdf.probe_view import against_view, codes_view, curves_view, families_view, not_measured_view, pieces_view, tally_view
from rtbf.report.pdf.proof_view import proof_view, proof_words
from rtbf.report.pdf.trail_view import counted, grouped, leaves_words, superseded_view, trail_view
from rtbf.report.words import ARTEFACT_KINDS, CLASSES, REGIMES, STOP_REASONS, VERDICTS
from rtbf.verify.claim import ALWAYS_STATED

if TYPE_CHECKING:
    from collections.abc import Mapping

_TONES = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "open"}
_KINDS = {
    "name": ("name", "names"),
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "account": ("account", "accounts"),
    "excerpt": ("text excerpt", "text excerpts"),
}


def printed_view(statement: Mapping[str, Any], envelope: bytes, signer: str) -> dict[str, Any]:
    """Return what the template prints, as JSON values whose leaves are texts, or fractions as decimal text."""
    said = statement["predicate"]
    view = {
        "ticket": said["ticket"]["ticket_id"],
        "report": said["report"]["report_id"],
        "attempt": str(said["report"]["attempt"]),
        "issued": moment(said["report"]["issued_at"]),
        "supersedes": superseded_view(said),
        "verdict": _verdict(said),
        "deadline": deadline_words(said["clock"]),
        "facts": _facts(said),
        "tally": tally_view(said),
        "against": against_view(said),
        "caveats": [*said["declarations"], ALWAYS_STATED[0]],
        "envelope": grouped(hashlib.sha256(envelope).hexdigest()),
        "signer": grouped(signer),
        "head": {"size": leaves_words(said), "root": said["trail"]["root"]},
        "attestation": said["trail"]["attestation"],
        "asked": _asked(said),
        "identity": identity_rows(said),
        "searched": _searched(said),
        "decisions": decisions_view(said),
        "plan": _plan(said),
        "approvals": approvals_view(said),
        "run": _run(said),
        "proof": proof_view(said["unlearned"].get("proof")),
        "curve": curve_chart(said["unlearned"]["curve"], said["plan"]["stop"]["forget_nll_nats_min"]),
        "levels": _levels(said),
        "families": families_view(said),
        "curves": curves_view(said),
        "pieces": pieces_view(said),
        "measured": asked_view(said),
        "not_measured": not_measured_view(said),
        "limits": [*said["declarations"], *said["limitations"]],
        "residuals": residual_rows(said),
        "clock": clock_view(said["clock"]),
        "notices": [[*row[:-1], short(row[-1])] for row in notice_rows(said)],
        "recipients": recipients_words(said),
        "key": key_words(said),
        "lapses": said["lapses_when"],
        "trail": trail_view(said),
        "digests": _digests(said),
        "files": [[subject["name"], grouped(subject["digest"]["sha256"])] for subject in statement["subject"]],
        "codes": codes_view(said),
    }
    printed: dict[str, Any] = printable_view(view)
    return printed


def _verdict(said: Mapping[str, Any]) -> dict[str, Any]:
    verdict = said["verdict"]
    return {
        "status": verdict["status"],
        "tone": _TONES[verdict["status"]],
        "meaning": VERDICTS[verdict["status"]],
        "award": CLASSES[verdict["class_awarded"]],
        "claim": verdict["claim"],
    }


def _facts(said: Mapping[str, Any]) -> list[list[str]]:
    verdict, plan = said["verdict"], said["plan"]
    return [
        ["Legal ground", REGIMES.get(said["ticket"]["regime"], said["ticket"]["regime"])],
        ["Request received", moment(said["ticket"]["received_at"])],
        ["Plan approved", approved_words(said)],
        ["Model", f"{plan['model']} ({short(plan['model_digest'])})"],
        ["Result", f"{ARTEFACT_KINDS[said['unlearned']['kind']]} ({short(said['unlearned']['artefact_digest'])})"],
        ["Class asked for", f"{verdict['class_requested']}; this artefact can earn at most: {verdict['class_cap']}"],
    ]


def _asked(said: Mapping[str, Any]) -> str:
    counts = Counter(mark["kind"] for mark in said["ticket"]["identifiers"])
    kinds = ", ".join(f"{count} {_KINDS[kind][count > 1]}" for kind, count in counts.items())
    ticket = said["ticket"]
    grounds = "; ".join(code_words(code) for code in ticket["grounds"]) or "none was named"
    return (
        f"The request names the person by {kinds}. The values are sealed in the operator's vault and appear nowhere in this report. "
        f"It came in by {ticket['channel']} from the {ticket['requester_role'].replace('_', ' ')}. Ground: {grounds}."
    )


def _searched(said: Mapping[str, Any]) -> dict[str, Any]:
    footprint = said["footprint"]
    return {
        "found": counted(footprint["records_found"], "record"),
        "corpora": [
            [entry["corpus"], short(entry["version"]), str(entry["records"]), str(entry["unread"]), str(entry["hits"])]
            for entry in footprint["searched"]
        ],
        "locators": [[entry["name"], entry["finds"], entry["misses"]] for entry in footprint["locators"]],
        "models": [
            [entry["model"], short(entry["digest"]), str(entry["hits"]), " → ".join(entry["via"]) or "directly"]
            for entry in footprint["models"]
        ],
        "not_searched": [[f"{entry['kind']} {entry['name']}", entry["reason"]] for entry in footprint["not_searched"]],
    }


def _plan(said: Mapping[str, Any]) -> list[list[str]]:
    plan = said["plan"]
    stop, adapter, controls = plan["stop"], plan["adapter"], plan["controls"]
    trained = "none" if adapter is None else f"LoRA, rank {adapter['rank']}, {'merged' if adapter['is_merged'] else 'not merged'}"
    seeds = ", ".join(str(control["seed"]) for control in controls["models"])
    return [
        ["Method", plan["method"]],
        ["Parameters", ", ".join(f"{name} {value}" for name, value in sorted(plan["parameters"].items())) or "none"],
        ["Adapter", trained],
        ["Records to remove", _set_words(plan["forget"])],
        ["Records to keep (drawn)", _set_words(plan["retain"])],
        ["Held out for the utility test", _set_words(plan["utility_holdout"])],
        ["Stop rule", _stop_words(stop, plan["class_cap"])],
        ["Control models", f"{len(controls['models'])} (seeds {seeds}): {controls['reason']}" if seeds else f"none: {controls['reason']}"],
        ["Random seed", str(plan["seed"])],
        ["Highest class in reach", f"{plan['class_cap']}: {plan['cap_reason']}"],
    ]


def _stop_words(stop: Mapping[str, Any], cap: str) -> str:
    if stop["max_steps"] == 0:
        return "none: nothing is trained" if cap == "none" else "none: the method ends where the recorded recipe does"
    low, high = stop["forget_nll_nats_min"], stop["forget_nll_nats_max"]
    aim = f"at least {shown(low)}" if high is None else f"from {shown(low)} to {shown(high)}"
    return (
        f"mean surprise per answer token {aim} nats on the records to remove "
        f"({stop['target_origin']}), and at most {shown(stop['retain_nll_nats_rise_max'])} nats above the original's on the rest; "
        f"looked at every {stop['check_every_steps']} steps, at most {stop['max_steps']} steps"
    )


def _set_words(entry: Mapping[str, Any]) -> str:
    return f"{entry['records']} records of corpus {entry['corpus']} (list {short(entry['digest'])})"


def _run(said: Mapping[str, Any]) -> str:
    unlearned = said["unlearned"]
    reason = STOP_REASONS.get(unlearned["stop_reason"], unlearned["stop_reason"])
    steps = counted(unlearned["steps"], "step")
    ended = f"The method ran {steps} and stopped because {reason}. The result is {ARTEFACT_KINDS[unlearned['kind']]}."
    return f"{ended}{proof_words(unlearned.get('proof'))}"


def _levels(said: Mapping[str, Any]) -> str:
    """Return which intervals are drawn, as the rest of a sentence; nothing when there is none."""
    levels = sorted({probe["interval"]["level"] for probe in said["probes"] if probe["interval"] is not None})
    return "" if not levels else f", with its {' or '.join(percent(level) for level in levels)} interval"


def _digests(said: Mapping[str, Any]) -> list[list[str]]:
    named = {
        "Model before": said["plan"]["model_digest"],
        "Model after": said["unlearned"]["artefact_digest"],
        "Regime pack": said["clock"]["regime_digest"],
        "Calendar": said["clock"]["calendar_digest"],
        "Ticket record": said["records"]["ticket"],
        "Footprint record": said["records"]["footprint"],
        "Decisions": said["decisions"]["digest"],
        "Plan record, as approved": said["records"]["plan"],
        "Unlearning record": said["records"]["unlearned"],
        "Verification record": said["records"]["verification"],
        "Item log (sealed)": said["measured"]["item_log_digest"],
    }
    return [[name, grouped(digest)] for name, digest in named.items()]
