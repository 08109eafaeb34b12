"""What a proof of shards or of a private training says, in words: for the printed report and for the terminal alike.

Pure; takes the proof as plain values, as a signed statement has it. Rounds nothing: every number is the record's own.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANGES = {
    "untouched": "untouched",
    "retrained": "trained again",
    "switched_off": "not served any more",
    "emptied": "no record left, no adapter",
}
"""What became of a shard."""

NOT_CORROBORATED = "accounted, not empirically corroborated"
SHARDS_HEAD = ("Shard", "What became of it", "Before", "After", "From slice", "Steps again")
_SHOWN_DIGITS = 12


def shards_facts(shards: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what holds of all shards together: (name, value) in words."""
    steps = shards["shards"] * shards["slices"] * shards["slice_steps"]
    again = sum(change["steps"] for change in shards["changes"])
    kept, differing = shards["kept_steps"], shards["differing_steps"]
    log = "of all of them, who took part is what the remaining records give" if not differing else f"{differing} NAME OTHER PARTICIPANTS"
    others = shards["together_with"]
    size = f"{shards['shards']} shards (no. 0 to {shards['shards'] - 1}) of {shards['slices']} slices of {shards['slice_steps']} steps"
    together = f"the records of {others} other ticket{'' if others == 1 else 's'} left too" if others else "this ticket alone"
    return [
        ("Sharded training", f"family {shards['family']}: {size}"),
        ("Untouched shards", _untouched(shards)),
        ("Run again", f"{again} of {steps} steps"),
        ("Log of what was kept", f"{kept} steps; {log}" if kept else "no step was kept"),
        ("In the same run", together),
        ("Record of the shards", f"{_short(shards['state_before'])} before, {_short(shards['state_after'])} after"),
    ]


def shards_rows(shards: Mapping[str, Any]) -> list[list[str]]:
    """Return a row, under `SHARDS_HEAD`, for every shard that changed; the untouched ones are counted in `shards_facts`."""
    return [
        [
            str(change["shard"]),
            "served again" if change["change"] == "untouched" and change["before"] is None else CHANGES[change["change"]],
            _short(change["before"]),
            _short(change["after"]),
            "–" if change["first_slice"] is None else str(change["first_slice"]),
            str(change["steps"]),
        ]
        for change in shards["changes"]
        if change["change"] != "untouched" or change["before"] != change["after"]
    ]


def privacy_facts(privacy: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what bounds a subject's influence, who counted it, and what could have refuted it: (name, value) in words."""
    epsilon, again = privacy["epsilon"], privacy["epsilon_recomputed"]
    inside, outside = privacy["subject_records"], privacy["outside_records"]
    named = f"{inside} name this person alone and lie under the bound"
    named += f"; {outside} name others too and were left out of that training" if outside else ""
    bound = f"ε {epsilon}, δ {privacy['delta']}: the odds of any event change by at most a factor e^{epsilon}, up to δ"
    told = [
        (f"Bound per {privacy['unit']}", bound),
        ("Counted again", f"ε {again} from the certificate's terms, by {privacy['accountant']}"),
        ("Records per person", f"the training used {privacy['k_max']} at most, whatever their number"),
        ("Records of this ticket", named),
        ("Audit by canaries", audit_words(privacy)),
    ]
    if privacy["warm_start"] is not None:
        told.append(("Trained on top", _warm_start(privacy["warm_start"])))
    return [*told, ("Certificate", _short(privacy["certificate"]))]


def audit_words(privacy: Mapping[str, Any]) -> str:
    """Return what the audit by canaries found, what it could have found, and what that says of the claimed epsilon."""
    audit = privacy["audit"]
    if audit is None:
        return f"none, since no canaries were planted: {NOT_CORROBORATED}"
    refuted, best = audit["refuted"], audit["best_refutable"]
    found = "no ε is refuted" if refuted is None else f"ε up to {refuted} is refuted"
    could = "no outcome could have refuted any" if best is None else f"it could have refuted ε up to {best}"
    told = f"{audit['right']} of {audit['guesses']} guesses about {audit['canaries']} canaries were right"
    told += f"; at level {audit['level']} {found}, and {could}"
    if _is_at_least(refuted, privacy["epsilon"]):
        return f"{told}: THIS REFUTES THE BOUND"
    return told if _is_at_least(best, privacy["epsilon"]) else f"{told}: {NOT_CORROBORATED}"


def _warm_start(start: Mapping[str, Any]) -> str:
    return (
        f"{start['epochs']} of {start['full_epochs']} epochs, to {start['private_nll_nats']} nats per token on retained records; "
        f"the same from the untrained base: {start['untrained_nll_nats']}"
    )


def _untouched(shards: Mapping[str, Any]) -> str:
    untouched = [change for change in shards["changes"] if change["change"] == "untouched"]
    changed = sum(map(_is_unsound, untouched))
    back = sum(change["before"] is None and change["after"] is not None for change in untouched)
    off = sum(change["before"] is None and change["after"] is None for change in untouched)
    told = [f"OF WHICH {changed} CHANGED" if changed else "unchanged"]
    told += [f"{back} of them served again"] if back else []
    told += [f"{off} of them served neither before nor now"] if off else []
    return f"{len(untouched)}, {', '.join(told)}" if untouched else "none"


def _is_unsound(change: Mapping[str, Any]) -> bool:
    """Return whether a shard that is said to be untouched has another state; served again after it was off is none (`verify.proof`)."""
    return change["change"] == "untouched" and change["before"] not in {None, change["after"]}


def _is_at_least(value: str | None, bound: str) -> bool:
    """Return whether both are numbers and the first is not below the second."""
    try:
        return value is not None and Decimal(value) >= Decimal(bound)
    except InvalidOperation:
        return False


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest.rpartition(':')[2][:_SHOWN_DIGITS]}…"
