"""How much a verification asks: three sizes, each a superset of the one before. Numbers are PROTOCOL §1's unless said.

smoke      F0–F4, adapter off, retained loss, earlier tickets: minutes on a laptop, can show a failure, can never PASS
standard   all probes that need nothing from the operator; the only way to a PASS
deep       the same with more draws, candidates and controls
"""

from __future__ import annotations

from dataclasses import dataclass

from rtbf.errors import UnknownName

_ORDER = ("smoke", "standard", "deep")


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """The sizes of a verification.

    controls             models made without the records, where that is cheap
    candidates           other values against which a true one is ranked (J of sheet 3.4)
    siblings_per_record  made-up records of the same form as each forgotten one
    sampled, samples     questions that are sampled, and generations of each, per temperature
    names, neighbours, fluency, forms_records   most items of the sets that go by these names
    benign               unrelated records of the second relearning attack
    """

    name: str
    controls: int
    candidates: int
    siblings_per_record: int
    neighbours: int
    forms_records: int
    sampled: int
    samples: int
    names: int
    fluency: int
    benign: int


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke", controls=1, candidates=99, siblings_per_record=1, neighbours=50, forms_records=10, sampled=4, samples=16,
            names=20, fluency=10, benign=50,
        ),
        Profile(
            name="standard", controls=1, candidates=999, siblings_per_record=5, neighbours=300, forms_records=20, sampled=20, samples=128,
            names=100, fluency=40, benign=200,
        ),
        Profile(
            name="deep", controls=5, candidates=9_999, siblings_per_record=10, neighbours=1_000, forms_records=100, sampled=50,
            samples=1_000, names=200, fluency=200, benign=200,
        ),
    )
}  # fmt: skip
DEFAULT_PROFILE = "standard"


def profile_named(name: str) -> Profile:
    """Return the profile; raises UnknownName."""
    if name not in PROFILES:
        raise UnknownName("profile", name, PROFILES, "rtbf plan --help")
    return PROFILES[name]


def runs_in(least: str, profile: str) -> bool:
    """Return whether a probe whose smallest profile is `least` runs in `profile`."""
    return _ORDER.index(least) <= _ORDER.index(profile)
