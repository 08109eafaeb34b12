"""Which libraries draw the numbers behind intervals and p-values."""

from __future__ import annotations

from importlib.metadata import version


def drawn_by() -> tuple[tuple[str, str], ...]:
    """Return the libraries, with versions, that draw the bootstrap's samples and the signs: other ones may draw others."""
    return tuple((name, version(name)) for name in ("numpy", "scipy"))
