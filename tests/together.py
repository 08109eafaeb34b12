"""Which tests one process runs, where several share the work: those that stand on the same expensive fixtures.

The journey walks one home from stage to stage, and no second process should walk it again; of the other suites each file stays
together, for the servers that it starts. Said by the nodeid, since pytest 9.2 ignores the groups that xdist 3.8 writes into it.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

JOURNEY = "tests/journey/"


def unit_of(nodeid: str) -> str:
    """Return the name of the unit that a test belongs to: one process runs a whole unit."""
    return JOURNEY if nodeid.startswith(JOURNEY) else nodeid.partition("::")[0]


class TogetherScheduling(LoadScopeScheduling):
    """Hands out whole units, the one with most tests first, as its base does."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
