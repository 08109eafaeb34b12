"""The terms of a private training's certificate, as a shape and as lines for people."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.installation import Installation
    from rtbf.store.registry import RegisteredModel


def certificate_shape(installation: Installation, registered: RegisteredModel) -> dict[str, Any] | None:
    """Return a private model's certificate, None for any other model; raises as `rtbf.foundry.certificates.certificate_of`."""
    # Loaded when used, as the registry is.
    from rtbf.foundry.certificates import CERTIFICATE, certificate_of  # noqa: PLC0415

    if registered.model.origin != "trained" or CERTIFICATE not in dict(registered.model.recipe):
        return None
    return asdict(certificate_of(installation, registered))


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
        if Decimal(audit["best_refutable"] or 0) < Decimal(certificate["epsilon_prv"]):
            yield "too few canaries to refute this ε: accounted, not empirically corroborated"
