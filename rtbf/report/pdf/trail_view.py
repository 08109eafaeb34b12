"""Display text for the ledger's part of a statement: the tree head, the ticket's chain in it, time-stamp, superseded report.

Pure, like `view`, which puts it together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP = 8
_TIME_STAMPS = {
    "none": "none: no outside time-stamp authority is set up, so the times are the operator's word",
    "asked": "an outside authority was asked to stamp the signed file; its token lies beside it as report.dsse.json.tsr",
}


def grouped(digest: str) -> str:
    """Return a digest's hexadecimal part in groups of eight, so that it wraps and can be read aloud."""
    plain = digest.rpartition(":")[2]
    return " ".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where English asks for it."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def trail_view(said: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """Return the tree head that the statement names, the ticket's own events in it, and who vouches for both."""
    trail = said["trail"]
    return {
        "words": [
            ["Ledger", f"{trail['log']}, {leaves_words(said)} in its tree"],
            ["Events of this ticket", f"{trail['events']} of these leaves"],
            ["Attestation", said["declarations"][0]],
            ["Time-stamp", _TIME_STAMPS[said["time_stamp"]]],
        ],
        "digests": [["Root of the tree", trail["root"]], ["Last event of this ticket", grouped(trail["last_hash"])]],
    }


def leaves_words(said: Mapping[str, Any]) -> str:
    """Return how many leaves the tree had that the statement names."""
    size = said["trail"]["tree_size"]
    return "1 leaf" if size == 1 else f"{size} leaves"


def superseded_view(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is said of the earlier report that this one stands in for; None when there is none."""
    earlier = said["supersedes"]
    if earlier is None:
        return None
    report = earlier["report_id"]
    return {
        "short": f"This report stands in for report {report}, which was issued earlier on the same attempt. Both stay on record.",
        "long": (
            f"Report {report} was issued earlier on the same attempt. It stays on record and is not withdrawn silently: "
            "whoever holds it can tell by the digest of its signed file that this report stands in for it."
        ),
        "facts": [["Report", report], ["Its signed file, SHA-256", grouped(earlier["envelope_sha256"])]],
    }
