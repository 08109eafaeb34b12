"""What the verifier says of models whose truth is known; writes docs/reference/verifier-calibration.md. Run as `make bench-verifier`.

Options: --subjects N (default 100), --seed N, --work FOLDER (kept, so that a run that was killed goes on), --out FILE.
Ends with 1 when something that must hold does not; the page is written all the same, and says what.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import describe_machine
from rtbf.lm.load import prepare_torch
from rtbf.statistics.trials import clopper_pearson
from rtbf.trial.calibration import METHOD_SETTINGS, METHOD_STEPS, NEVER, NOOP, calibrate, expectations
from rtbf.trial.models import KNOWN_BY_HEART, NEVER_SEED, ORIGINAL_SEED, Shape
from rtbf.trial.people import invent_population
from rtbf.trial.qualification import LEVEL, N_CONTROLS
from rtbf.trial.tokens import secret_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rtbf.trial.calibration import Calibration, Outcome
    from rtbf.trial.tokens import SecretRanks
    from rtbf.verify.record import Verdict

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "verifier-calibration.md"
WORK = ROOT / "build" / "verifier-calibration"
TOKEN_SUBJECTS = 30

_WRITTEN = "Written by `make bench-verifier`. What the verifier says of candidates whose truth is known: planted people in a tiny model."
_COLUMNS = (
    "pool", "n", "FAIL", "FAIL on own records", "FAIL (trace)", "PASS", "INCONCLUSIVE", "PASS if qualified", "most frequent codes",
    "the same, if qualified",
)  # fmt: skip
_EACH = (
    "Share of subjects, with the ends of the 95 % Clopper–Pearson interval. *On own records*: FAIL not only for what others lost, "
    "which all subjects of a pool share. *PASS if qualified*: class approximate, were the method qualified (sheet 9.6's operating curve)."
)
_WITNESSES = (
    "Records given back word for word by the candidate and by no control, and the probability of the whole answer under the control "
    "that finds it likeliest. Under the original these are memories; under a never-trained model they are guesses."
)
_PARTED = (
    "AUC of a probe's number between the subjects under the original and the same subjects under a never-trained model, with its 95 % "
    "interval over subjects (DeLong). Probes that could not be measured on one subject alone (F5: too few values for its gate) are "
    "missing. One model of each kind: how models differ among themselves is not in it."
)
_TOKENS = (
    "F4 on weights that were never shown the secrets (0.5 is guessing). Byte-pair merges learned from the corpus write its own numbers "
    "in fewer tokens, which every model then finds likelier; F4 reads that as memory."
)
_LIMITS = (
    "One tiny family, short English records, one set of people, one candidate of each kind. All subjects were unlearned in one run, "
    "and the relearning attacker held half of everybody's records at once. Of a subject two records are asked in other forms and one is "
    "sampled, 16 replies, and 99 candidates stand beside each secret: a ticket of its own is asked more. Margins are the cards' "
    "own: with two controls there is no reference band."
)


def main() -> int:
    """Run the trial, print and write the page; return 1 when an expectation is broken."""
    asked = _arguments()
    prepare_torch(1)
    started, ticks = time.process_time(), _Ticker()
    found = calibrate(asked.work, subjects=asked.subjects, seed=asked.seed, progress=ticks)
    ranks = secret_ranks(invent_population(TOKEN_SUBJECTS, TOKEN_SUBJECTS, asked.seed), asked.work, seed=asked.seed, shape=Shape())
    page = _page(found, ranks)
    print(page)
    print(f"\n{time.process_time() - started:.0f} s of this machine's processor", file=sys.stderr)
    asked.out.write_text(page, encoding="utf-8")
    return 0 if all(one.holds for one in expectations(found.outcomes)) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--out", type=Path, default=PAGE)
    return parser.parse_args()


class _Ticker:
    """Tells on standard error which step has begun."""

    def __init__(self) -> None:
        self._step = ""

    def __call__(self, step: str, done: int, total: int) -> None:  # noqa: ARG002 - names of a Progress
        if step != self._step:
            self._step = step
            print(f"… {step} ({total})", file=sys.stderr, flush=True)


def _page(found: Calibration, ranks: Sequence[SecretRanks]) -> str:
    population, models = found.population, found.models
    n = len(population.planted)
    broken = [one for one in expectations(found.outcomes) if not one.holds]
    machine = describe_machine(("torch", "transformers", "peft"), threads=1).removeprefix("machine").strip()
    recipe, expected = dict(models.recipe), expectations(found.outcomes)
    seeds = f"people and samples {found.seed}, original {ORIGINAL_SEED}, never-shown models from {NEVER_SEED} on"
    sizes = (
        f"{n} subjects with {len(population.forget)} records (2 to 12 each), {len(population.bystanders)} bystanders; Llama, "
        f"hidden {recipe['hidden']}, {recipe['layers']} layers; {N_CONTROLS} controls."
    )
    known = (
        f"Mean answer probability of the planted records under the original: {models.remembered:.3f} (by heart from {KNOWN_BY_HEART} on)."
    )
    settings = ", ".join(f"{name}={value}" for name, value in METHOD_SETTINGS.items())
    head = [
        "# Calibration of the verifier",
        "",
        f"{_WRITTEN} Machine: {machine}. Seeds: {seeds}.",
        "",
        f"{sizes} {known} npo with {settings}, at most {METHOD_STEPS} steps, for all in one run. Pools: `rtbf/trial/pools.py`.",
        "",
        "## What must hold",
        "",
        f"**{len(broken)} of {len(expected)} do not hold.**" if broken else "**All of it holds.**",
        "",
        "| | expectation | found |",
        "|---|---|---|",
        *(f"| {'holds' if one.holds else '**broken**'} | {one.words} | {one.numbers} |" for one in expected),
        "",
    ]
    return "\n".join(
        [*head, *_each_section(found.outcomes, n), *_pooled_section(found.outcomes), *_witness_section(found.outcomes), *_parted(found),
         *_tokens_section(ranks), *_limits()]
    ) + "\n"  # fmt: skip


def _each_section(outcomes: Mapping[str, Outcome], n: int) -> list[str]:
    rows = []
    for pool, own in outcomes.items():
        cells = [
            _share(own.count("FAIL"), n),
            _share(own.count_own(), n),
            _share(own.count("FAIL", ":TRACE"), n),
            _share(own.count("PASS"), n),
            _share(own.count("INCONCLUSIVE"), n),
            _share(own.count_removal(own.leaning), n),
        ]
        rows.append(f"| {pool} | {n} | {' | '.join(cells)} | {_counted(own.each.values(), 3)} | {_counted(own.leaning.values(), 3)} |")
    return [
        "## Each subject's ticket alone",
        "",
        _EACH,
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
        *rows,
        "",
    ]


def _pooled_section(outcomes: Mapping[str, Outcome]) -> list[str]:
    return [
        "## All subjects as one ticket, the subject as unit",
        "",
        "| pool | verdict | class awarded | codes |",
        "|---|---|---|---|",
        *(
            f"| {pool} | {own.pooled.status} | {own.pooled.class_awarded} | {', '.join(own.pooled.codes) or '–'} |"
            for pool, own in outcomes.items()
        ),
        "",
    ]


def _witness_section(outcomes: Mapping[str, Outcome]) -> list[str]:
    """What guessing would have said: a witness that a control finds likely is no memory."""
    rows = []
    for pool in (NOOP, NEVER):
        chances = sorted(outcomes[pool].witness_chances) if pool in outcomes else []
        if chances:
            rows.append(f"| {pool} | {len(chances)} | {chances[0]:.1e} | {chances[len(chances) // 2]:.1e} | {chances[-1]:.1e} |")
    if not rows:
        return []
    return [
        "## Witnesses and guesses",
        "",
        _WITNESSES,
        "",
        "| pool | witnesses | least likely | middle | likeliest |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _parted(found: Calibration) -> list[str]:
    rows = []
    for one in found.parted:
        told = "–" if one.interval is None else f"{one.interval.auc:.3f} | {one.interval.low:.3f} to {one.interval.high:.3f}"
        rows.append(f"| {one.probe_id} | {one.shown} | {told} |")
    return [
        "## How well each probe parts shown from not shown",
        "",
        _PARTED,
        "",
        "| probe | subjects | AUC | 95 % |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _tokens_section(ranks: Sequence[SecretRanks]) -> list[str]:
    rows = []
    for one in ranks:
        p_value = "–" if one.p_leak is None else f"{one.p_leak:.1e}"
        rows.append(f"| {one.learned_from} | {one.secrets} | {one.mean:.3f} | {p_value} | {one.shorter:.2f} |")
    return [
        "## What a tokenizer alone gives away",
        "",
        _TOKENS,
        "",
        "| tokenizer learned from | secrets | mean rank value | p of “known” | siblings with more tokens |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _limits() -> list[str]:
    return [
        "## What this does not show",
        "",
        _LIMITS,
    ]


def _counted(verdicts: Iterable[Verdict], most: int) -> str:
    """Return the codes that most of the verdicts bear, with how many do."""
    codes = Counter(code for verdict in verdicts for code in verdict.codes)
    return ", ".join(f"{code} {count}" for code, count in sorted(codes.items(), key=lambda entry: (-entry[1], entry[0]))[:most]) or "–"


def _share(hits: int, trials: int) -> str:
    ends = clopper_pearson(hits, trials, LEVEL)
    return f"{hits / trials:.2f}" if ends is None else f"{hits / trials:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"


if __name__ == "__main__":
    sys.exit(main())
