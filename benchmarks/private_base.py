"""What a private base is worth, and an erasure from it takes. Run as `make bench-private`.

Trains tiny models on a CPU with fixed seeds: a base on some invented people, a private one on others, a model fine-tuned from that;
erases one person by `dp2unlearning` and by `full_retrain`, with the control of the shortened recipe from the untrained base; audits the
private training by its canaries, its twin without a clip, and trainings on canaries alone, broken on purpose or not. Writes the tables
of docs/reference/private-base.md. `--quick` takes fewer steps and epochs, prints, and writes nothing. Ends with 1 where an honest
training is refuted, or a broken one on canaries alone is not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import describe_machine
from benchmarks.marked_page import fill, table
from benchmarks.private_trial import (
    audit_of_easy_prey,
    audit_without,
    community,
    erased_privately,
    fine_tuned,
    flat,
    know,
    private_base,
    retrained_fully,
    untrained_base,
)
from rtbf.lm.load import prepare_torch
from rtbf.lm.recipes.dp.accounting import signal_bound
from rtbf.lm.recipes.dp.audit import LEVEL, CanaryAudit, guesses_of
from rtbf.lm.recipes.plain import recipe_parameters
from rtbf.statistics.privacy_audit import best_refutable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.private_trial import Erased
    from rtbf.lm.recipes.dp.certificate import DpCertificate

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "private-base.md"
WRITER = "private_base.py"
BUDGET = {
    "epsilon": "3", "delta": "0.0001", "rate": "0.2", "steps": "60", "clip": "0.5", "k_max": "5", "rank": "1", "alpha": "2",
    "learning_rate": "0.005", "warmup_steps": "5", "canaries": "200",
}  # fmt: skip
TUNING = {"epochs": "6", "batch": "16", "learning_rate": "0.001"}
MEMBERS, OTHERS, BASE_EPOCHS = 100, 40, 8
ERASED = 0
"""Whose records are erased; any member would do."""
HONEST = "as it should be"
ALONE = ((HONEST, True, 1.0), ("clip switched off", False, 1.0), ("noise switched off", True, 1e-6))
"""(what was done, is clipped, share of the noise) of the trainings on canaries alone."""
POWER_CANARIES = (20, 50, 100, 200, 500, 1_000)
POWER_DELTA = 1e-6


def main() -> int:
    """Train, erase, audit, print, write; return 1 when an audit did not say what is true."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer epochs; prints only")
    is_quick = parser.parse_args().quick
    started_s = time.perf_counter()
    prepare_torch(1)
    with tempfile.TemporaryDirectory() as folder:
        parts, are_true = _measured(Path(folder), is_quick=is_quick)
    for name, part in parts.items():
        print(f"{name}\n{part}\n", flush=True)
    print(f"took      {time.perf_counter() - started_s:.0f} s")
    machine = describe_machine(["torch", "transformers", "peft", "opacus"], threads=1)
    print(machine)
    if are_true and not is_quick:
        text = PAGE.read_text(encoding="utf-8")
        for name, part in {**parts, "machine": machine.removeprefix("machine").strip()}.items():
            text = fill(text, name, part, WRITER)
        PAGE.write_text(text, encoding="utf-8")
    return 0 if are_true else 1


def _measured(root: Path, *, is_quick: bool) -> tuple[dict[str, str], bool]:
    people = community(MEMBERS, OTHERS)
    recipe = recipe_parameters("full", {**TUNING, "epochs": "2"} if is_quick else TUNING)
    untrained = untrained_base(people, root / "untrained", 2 if is_quick else BASE_EPOCHS)
    started_s = time.perf_counter()
    private, certificate = private_base(people, untrained, BUDGET, root / "private")
    private_s = time.perf_counter() - started_s
    print(f"private base trained in {private_s:.0f} s", flush=True)
    person = people.members[ERASED]
    rest = flat([own for place, own in enumerate(people.members) if place != ERASED])
    served = fine_tuned(flat(people.members), private, recipe, root / "served")
    print("served model fine-tuned", flush=True)
    ours = erased_privately(
        rest, recipe, private, certificate, untrained=untrained, served=served, gone=len(person), folder=root / "dp2unlearning"
    )
    fully = retrained_fully(rest, recipe, untrained, served, root / "full")
    print("erased both ways", flush=True)
    models = [
        ("untrained base", "–", untrained.folder),
        ("private base", "–", private.folder),
        ("served before, from the private base", dict(recipe)["epochs"], served),
        ("`dp2unlearning`, from the private base", dict(ours.built.recipe or ())["epochs"], ours.folder),
        ("control: the same, from the untrained base", dict(ours.built.recipe or ())["epochs"], ours.control),
        ("`full_retrain`, from the untrained base", dict(recipe)["epochs"], fully.folder),
    ]
    rows = []
    for name, epochs, model in models:
        if model is not None:
            kept, gone = know(model, rest), know(model, person)
            rows.append((name, epochs, f"{kept.nll_nats:.3f}", f"{kept.right:.1%}", f"{gone.nll_nats:.3f}", f"{gone.right:.1%}"))
    head = ("model", "epochs", "retained, nats a token", "tokens right", "the person's, nats a token", "tokens right")
    audits = [("as certified", _own_audit(certificate))]
    audits.append(("its twin, clip switched off", audit_without(people, untrained, certificate, BUDGET, is_clipped=False, noise_share=1.0)))
    print("audited: the twin", flush=True)
    alone = {name: audit_of_easy_prey(certificate, is_clipped=clip, noise_share=share) for name, clip, share in ALONE}
    epsilon, asked = float(certificate.epsilon_prv), float(certificate.epsilon_asked)
    # Of the twin nothing is expected: whether this auditor sees through it is what is measured.
    are_true = not audits[0][1].refutes(epsilon) and all(audit.refutes(asked) == (name != HONEST) for name, audit in alone.items())
    return {
        "terms": _terms(certificate),
        "worth": table(head, rows),
        "time": _times(ours, fully, private_s),
        "audit": _audits(audits, epsilon),
        "alone": _audits(list(alone.items()), asked),
        "power": _power(),
    }, are_true


def _own_audit(certificate: DpCertificate) -> CanaryAudit:
    """Return the audit that the training itself made, as its certificate holds it."""
    counts = certificate.audit
    assert counts is not None
    return CanaryAudit(
        canaries=counts.canaries,
        guesses=counts.guesses,
        right=counts.right,
        delta=float(certificate.delta),
        level=float(counts.level),
        refuted=None if counts.refuted is None else float(counts.refuted),
        best_refutable=None if counts.best_refutable is None else float(counts.best_refutable),
    )


def _terms(certificate: DpCertificate) -> str:
    sigma, rate = float(certificate.sigma), float(certificate.rate)
    bound = signal_bound(
        subjects=certificate.subjects, rate=rate, steps=certificate.steps, sigma=sigma, dimensions=certificate.trained_numbers
    )
    rows = [
        ("ε, δ per person", f"{certificate.epsilon_prv}, {certificate.delta}"),
        ("ε by Rényi accounting, looser", certificate.epsilon_rdp),
        ("people, records of each", f"{certificate.subjects}, at most {certificate.k_max} ({certificate.over_cap} records left out)"),
        ("noise σ, rate q, steps T, clip C", f"{certificate.sigma}, {certificate.rate}, {certificate.steps}, {certificate.clip}"),
        ("numbers trained", f"{certificate.trained_numbers}"),
        ("strongest signal ÷ noise (1 is the least that is accepted)", f"{bound:.2f}"),
    ]
    return table(("private base", ""), rows)


def _times(ours: Erased, fully: Erased, private_s: float) -> str:
    ratio = ours.whole_s / fully.whole_s
    rows = [
        ("until the new weights", f"{ours.trained_s:.1f}", f"{fully.trained_s:.1f}", f"{ours.trained_s / fully.trained_s:.2f}"),
        (
            "with the stretch run again, and the control",
            f"{ours.whole_s:.1f}",
            f"{fully.whole_s:.1f}",
            f"{ratio:.2f}",
        ),
        ("steps", f"{ours.built.steps}", f"{fully.built.steps}", f"{ours.built.steps / fully.built.steps:.2f}"),
    ]
    paid = f"Paid once, before any request: {private_s:.1f} s for the private base with its audit."
    return f"{table(('one person erased, seconds', '`dp2unlearning`', '`full_retrain`', 'ratio'), rows)}\n\n{paid}"


def _audits(audits: Sequence[tuple[str, CanaryAudit]], epsilon: float) -> str:
    head = ("training", "canaries", "guesses right", "refutes ε up to", "could have refuted", f"ε = {epsilon:g} is")
    rows = [
        (
            name, f"{audit.canaries}", f"{audit.right} of {audit.guesses}", _epsilon(audit.refuted), _epsilon(audit.best_refutable),
            "refuted" if audit.refutes(epsilon) else "not refuted",
        )
        for name, audit in audits
    ]  # fmt: skip
    return table(head, rows)


def _power() -> str:
    rows = []
    for canaries in POWER_CANARIES:
        guesses = guesses_of(canaries)
        most = best_refutable(canaries=canaries, guesses=guesses, delta=POWER_DELTA, level=LEVEL)
        rows.append((f"{canaries}", f"{guesses}", _epsilon(most)))
    return table(("canaries", "guesses", f"largest ε refutable, δ = {POWER_DELTA:g}"), rows)


def _epsilon(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
