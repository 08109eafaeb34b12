"""The terms of a private training's certificate, as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def certificate_lines(certificate: dict[str, Any]) -> Iterator[str]:
    """Yield what a certificate promises and what it rests on, a line each."""
    budget = f"({certificate['epsilon_prv']}, {certificate['delta']})"
    yield f"(ε, δ) = {budget} per {certificate['unit']}, named by the field {certificate['subject_field']}"
    yield (
        f"counted by {certificate['accountant']} {certificate['accountant_version']} (Rényi: {certificate['epsilon_rdp']}): noise "
        f"{certificate['sigma']}, rate {certificate['rate']}, {certificate['steps']} steps, clip {certificate['clip']}"
    )
    yield (
        f"{certificate['subjects']} subjects, N = {certificate['population']}; at most {certificate['k_max']} records each "
        f"({certificate['over_cap']} left out), {certificate['several_subjects']} of several subjects left out, "
        f"{certificate['own_unit_records']} without a subject"
    )
    audit = certificate["audit"]
    if audit is None:
        yield "no canaries: accounted, and not looked at"
    else:
        yield (
            f"audit: {audit['right']} of {audit['guesses']} guesses about {audit['canaries']} canaries right; refutes ε up to "
            f"{audit['refuted'] or 'none'}, could have refuted up to {audit['best_refutable'] or 'none'}"
        )
