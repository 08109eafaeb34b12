"""Display text for how the weights came about: the inputs, the second run, the shards, and the bound per subject.

Pure, like `view`, which puts it together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.report.pdf.lawful_view import short
from rtbf.report.pdf.trail_view import counted
from rtbf.report.proof_words import SHARDS_HEAD, privacy_facts, shards_facts, shards_rows

if TYPE_CHECKING:
    from collections.abc import Mapping


def proof_view(proof: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is printed beside the sentences of `proof_words`: nothing for a method that shows neither shards nor a bound."""
    shards = None if proof is None else proof.get("shards")
    privacy = None if proof is None else proof.get("privacy")
    return {
        "shards": None
        if shards is None
        else {"facts": [list(row) for row in shards_facts(shards)], "head": list(SHARDS_HEAD), "rows": shards_rows(shards)},
        "privacy": None if privacy is None else [list(row) for row in privacy_facts(privacy)],
    }


def proof_words(proof: Mapping[str, Any] | None) -> str:
    """Return how the weights came about, as further sentences; nothing for a method that changes weights."""
    if proof is None:
        return ""
    if proof.get("restored") is not None:
        return f" Nothing was trained: what is served are the files of the base {short(proof['restored'])} again."
    if proof["procedure"] == "dp" and proof.get("privacy") is not None:
        return (
            f" The private training was given {counted(proof['inputs'], 'record')} (list {short(proof['inputs_digest'])}), "
            f"{proof['forgotten_inputs']} of those of this ticket: of these the bound speaks. Nothing was trained or taken out for it."
        )
    return f"{_inputs(proof)}{_second_run(proof)}"


def _inputs(proof: Mapping[str, Any]) -> str:
    told = f" The training was given {counted(proof['inputs'], 'record')} (list {short(proof['inputs_digest'])})"
    told += f", {proof['forgotten_inputs']} of those to be removed"
    alike = proof["near_duplicates"]
    looked = "nobody looked for others" if alike is None else counted(alike, "other")
    return f"{told}; {looked} that share {proof['run_words']} words in a row with one of them."


def _second_run(proof: Mapping[str, Any]) -> str:
    again, shards = proof["rerun"], proof.get("shards")
    if again is not None:
        whose = "" if shards is None else f" of shard {shards['rerun_shard']}"
        same = "the same" if again["expected"] == again["found"] else "another"
        return f" Steps {again['from_step'] + 1} to {again['to_step']}{whose} were run a second time and ended in {same} state."
    if shards is not None and not any(change["steps"] for change in shards["changes"]):
        return " No step was run, so there is none to run a second time."
    return " No stretch of the training was run a second time."
