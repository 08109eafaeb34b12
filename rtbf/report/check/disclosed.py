"""Step 12: the measurements once more, from the operator's per-item log. Needs --items, and scipy.

Does not prove that the log tells what the models said: that rests on whoever ran them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import ExtraMissing
from rtbf.report.check.handed import Misfit, Seen
from rtbf.report.check.versions import Measured

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "the log whose digest the report names, and the numbers that it gives"
MAX_ITEMS_BYTES = 1 << 28


def check(handed: Handed, found: Found) -> Seen:
    """Work the probes' numbers out again; raises Misfit when the log is another one or gives other numbers."""
    if handed.items is None:
        return Seen(is_decided=False, detail="not asked for: hand over --items FILE, the disclosed per-item log")
    if len(handed.items) > MAX_ITEMS_BYTES:
        raise Misfit(f"a log of more than {MAX_ITEMS_BYTES} bytes", EXPECTED)
    # The probes and their statistics need an extra, and take long to load: woken only for a log.
    from rtbf.report.check import items, items_v1  # noqa: PLC0415 - as said

    predicate = found.body.predicate
    try:
        if isinstance(predicate, Measured):
            return Seen(is_decided=True, detail=items.recheck_items(predicate, handed.items))
        return Seen(is_decided=True, detail=items_v1.recheck_items(predicate, handed.items))
    except ExtraMissing as missing:
        return Seen(is_decided=False, detail=f"{missing.found}; {missing.remedy}")
    except ValueError as refused:
        raise Misfit(str(refused), EXPECTED) from None
