"""The verifier's own meta-evaluation: what it says of candidates whose truth is known, on small tickets and on all of them together.

Two views of one log: each planted subject's ticket alone, and all of them as one ticket with the subject as unit. And, for each
probe, how well it parts models that were shown a subject from models that were not (faithfulness, sheet 7.5). Wakes torch.
Does not prove that the verifier is right on other models: one tiny family, one set of people, a few candidates of each kind.
Source: specs/verification/07_meta_evaluation.md §7.5; PROTOCOL §4 (null calibration: never-shown FAIL ≤ 5 %, original FAIL ≥ 95 %).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.plan.request import PlanRequest
from rtbf.progress import Progress, silent
from rtbf.statistics.curves import auc_interval
from rtbf.statistics.trials import clopper_pearson
from rtbf.trial.judging import again, judge_each, judge_pooled
from rtbf.trial.measuring import Bench, measure, wanted_sets
from rtbf.trial.models import Shape, TrialModels, make_models, make_tokenizer
from rtbf.trial.people import Population, invent_population
from rtbf.trial.pools import never_trained, offset, overforgotten, refusing, unlearned, unmerged, untouched
from rtbf.trial.qualification import AS_IF, LEVEL, N_CONTROLS
from rtbf.trial.questions import SIZES, make_trial_questions
from rtbf.trial.unlearning import Sides, run_method
from rtbf.verify.finding import ALPHA
from rtbf.verify.probes.verbatim_completion import is_witness

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from rtbf.statistics.curves import AucInterval
    from rtbf.trial.judging import Judged
    from rtbf.trial.measuring import Candidate
    from rtbf.verify.items.source import Sizes
    from rtbf.verify.observed import Observed
    from rtbf.verify.record import Verdict

NOOP, NEVER, METHOD, OVER = "noop", "never", "npo", "overforgotten"
SUPPRESSION = ("adapter", "refusal", "logit_offset")
POOLS = (NOOP, NEVER, METHOD, *SUPPRESSION, OVER)
METHOD_SETTINGS = {"learning_rate": "0.001"}
"""Of npo here: its default rate needs more steps for a hundred people at once than a plan has."""

METHOD_STEPS = 600
FALSE_ALARMS_MAX = 0.05
"""Sheet 9.1: a higher share of never-shown subjects that FAIL makes the thresholds invalid. PROTOCOL §4 has the same."""

ASKED_OF_OTHERS = ("U", "S", "G")
"""First letters of probes that look at no record of a subject."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the verifier said of one pool. `each` and `leaning` are by subject: alone, and as if a qualification held."""

    pool: str
    pooled: Verdict
    each: Mapping[str, Verdict]
    leaning: Mapping[str, Verdict]
    judged: Mapping[str, Judged]
    witness_chances: tuple[float, ...]

    def count(self, status: str, code_end: str = "") -> int:
        """Return how many subjects' verdicts have this status, and, where given, a code with this end."""
        return sum(
            verdict.status == status and (not code_end or any(code.endswith(code_end) for code in verdict.codes))
            for verdict in self.each.values()
        )

    def count_own(self) -> int:
        """Return how many subjects FAIL for what was found on their own records, and not only for what others lost."""
        return sum(
            verdict.status == "FAIL" and any(not code.startswith(ASKED_OF_OTHERS) for code in verdict.codes)
            for verdict in self.each.values()
        )

    def count_removal(self, verdicts: Mapping[str, Verdict]) -> int:
        """Return how many verdicts award class approximate."""
        return sum(verdict.status == "PASS" and verdict.class_awarded == "approximate" for verdict in verdicts.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Parted:
    """How well one probe parts subjects under the original from the same subjects under a model never shown them."""

    probe_id: str
    shown: int
    interval: AucInterval | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Everything that was found, with what it was found on."""

    population: Population
    models: TrialModels
    outcomes: Mapping[str, Outcome]
    parted: tuple[Parted, ...]
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What must hold of a verifier that can be trusted, whether it does, and the numbers."""

    words: str
    holds: bool
    numbers: str


def calibrate(
    work: Path,
    *,
    subjects: int,
    seed: int,
    pools: Collection[str] = POOLS,
    shape: Shape | None = None,
    sizes: Sizes = SIZES,
    profile: str = "standard",
    method_steps: int = METHOD_STEPS,
    progress: Progress = silent,
) -> Calibration:
    """Return what the verifier says of the pools; models, candidates and passes are kept under `work` and found again."""
    population = invent_population(subjects, subjects, seed)
    models = make_models(population, work, n_never=N_CONTROLS + 1, shape=shape or Shape(), progress=progress)
    tokens = make_tokenizer(population, work)
    questions = make_trial_questions(population, tokens.folder, wanted_sets(profile), seed=seed, sizes=sizes, progress=progress)
    controls = models.never[:N_CONTROLS]
    bench = Bench(questions=questions, original=models.original, controls=controls, profile=profile, seed=seed, work=work)
    sides = Sides(forget=population.forget, retain=questions.retain, holdout=questions.holdout)
    makers = _makers(models, sides, work, seed, method_steps, progress)
    outcomes = {pool: _outcome(pool, makers[pool](), bench, population, progress) for pool in POOLS if pool in pools}
    has_both = NOOP in outcomes and NEVER in outcomes
    parted = parted_by_probe(outcomes[NOOP].judged, outcomes[NEVER].judged) if has_both else ()
    return Calibration(population=population, models=models, outcomes=outcomes, parted=parted, seed=seed)


def expectations(outcomes: Mapping[str, Outcome]) -> tuple[Expectation, ...]:
    """Return what must hold of the pools at hand."""
    found = []
    if NOOP in outcomes:
        own = outcomes[NOOP]
        found.append(
            Expectation(
                words="the untouched original FAILs, on at least 95 % of the subjects and pooled",
                holds=own.pooled.status == "FAIL" and own.count("FAIL") >= 0.95 * len(own.each),
                numbers=f"{own.count('FAIL')} of {len(own.each)}; pooled {own.pooled.status}",
            )
        )
    if NEVER in outcomes:
        own = outcomes[NEVER]
        found += [
            Expectation(
                words="a never-trained model does not FAIL pooled",
                holds=own.pooled.status != "FAIL",
                numbers=f"pooled {_told(own.pooled)}",
            ),
            Expectation(
                words=f"a never-trained model FAILs on at most {FALSE_ALARMS_MAX:.0%} of the subjects, and no more often than the "
                f"level of a ticket's tests, {float(ALPHA):.0%}, allows (95 % bounds)",
                holds=_are_few_alarms(own.count("FAIL"), len(own.each)),
                numbers=_alarms(own),
            ),
            Expectation(
                words="a never-trained model that gets no PASS is INCONCLUSIVE with a reason",
                holds=own.pooled.status == "PASS" or bool(own.pooled.codes),
                numbers=_told(own.pooled),
            ),
        ]
    for pool in SUPPRESSION:
        if pool in outcomes:
            own = outcomes[pool]
            earned = own.count_removal(own.each) + own.count_removal({"pooled": own.pooled})
            found.append(
                Expectation(
                    words=f"suppression by {pool} never earns class approximate, on no subject and not pooled",
                    holds=earned == 0,
                    numbers=f"{own.count_removal(own.each)} of {len(own.each)}; pooled {_told(own.pooled)}",
                )
            )
    if OVER in outcomes:
        own = outcomes[OVER]
        found.append(
            Expectation(
                words="forgetting too far FAILs as a trace, pooled",
                holds=own.pooled.status == "FAIL" and any(code.endswith(":TRACE") for code in own.pooled.codes),
                numbers=f"pooled {_told(own.pooled)}; {own.count('FAIL', ':TRACE')} of {len(own.each)} subjects",
            )
        )
    return tuple(found)


def parted_by_probe(shown: Mapping[str, Judged], never: Mapping[str, Judged]) -> tuple[Parted, ...]:
    """Return, for each forget and recovery probe that counts, the AUC of its number between subjects shown and subjects not shown.

    Unit: a subject under one model; the interval (DeLong) is over subjects, for these two models.
    """
    theirs = {pool: _afters(judged) for pool, judged in (("shown", shown), ("never", never))}
    names = [probe_id for probe_id in theirs["shown"] if theirs["never"].get(probe_id)]
    return tuple(
        Parted(
            probe_id=name,
            shown=len(theirs["shown"][name]),
            interval=auc_interval(theirs["shown"][name], theirs["never"][name], LEVEL),
        )
        for name in sorted(names)
    )


def witness_chances(observed: Observed) -> tuple[float, ...]:
    """Return, for each record that the candidate gives back word for word and no control does, its likeliest chance under a control.

    The chance is the probability of the whole answer, end mark left out: how often guessing would have said it.
    """
    chances = []
    controls = [observed.scores("forget", control) for control in observed.controls]
    for at, entry in enumerate(observed.scores("forget", observed.unlearned)):
        others = [control[at] for control in controls]
        if is_witness(entry) and not any(is_witness(other) for other in others):  # type: ignore[arg-type]
            chances.append(max(math.exp(math.fsum(other.content_log_probs)) for other in others))  # type: ignore[union-attr]
    return tuple(chances)


def _makers(models: TrialModels, sides: Sides, work: Path, seed: int, steps: int, progress: Progress) -> dict[str, Callable[[], Candidate]]:
    original, controls = models.original, models.never[:N_CONTROLS]
    request = PlanRequest(method=METHOD, parameters=METHOD_SETTINGS, max_steps=steps, seed=seed)

    def by_method() -> Candidate:
        return unlearned(run_method(request, sides, original, controls, work, seed=seed, progress=progress), original)

    return {
        NOOP: lambda: untouched(original),
        NEVER: lambda: never_trained(models.never[N_CONTROLS]),
        METHOD: by_method,
        "adapter": lambda: unmerged(run_method(request, sides, original, controls, work, seed=seed, progress=progress), original),
        "refusal": lambda: refusing(sides, original, work, seed=seed, progress=progress),
        "logit_offset": lambda: offset(sides, original, controls, work, seed=seed, progress=progress),
        OVER: lambda: overforgotten(sides, original, controls, work, seed=seed, progress=progress),
    }


def _outcome(pool: str, candidate: Candidate, bench: Bench, population: Population, progress: Progress) -> Outcome:
    observed = measure(bench, candidate, progress)
    battery = bench.battery(candidate)
    subjects = {subject.subject_id: subject.record_ids for subject in population.planted}
    judged = judge_each(observed, subjects, battery, blind_auc=bench.questions.blind_auc, progress=progress)
    return Outcome(
        pool=pool,
        pooled=judge_pooled(observed, population.owners, battery).verdict,
        each={subject: one.verdict for subject, one in judged.items()},
        leaning={subject: again(one, battery, AS_IF).verdict for subject, one in judged.items()},
        judged=judged,
        witness_chances=witness_chances(observed),
    )


def _afters(judged: Mapping[str, Judged]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for one in judged.values():
        for probe in one.probes:
            if probe.after is not None and probe.role != "reported" and probe.family in {"forget", "recovery"}:
                values.setdefault(probe.probe_id, []).append(float(probe.after))
    return values


def _are_few_alarms(hits: int, trials: int) -> bool:
    ends = clopper_pearson(hits, trials, LEVEL)
    return ends is not None and hits <= FALSE_ALARMS_MAX * trials and ends[0] <= float(ALPHA)


def _alarms(own: Outcome) -> str:
    codes = sorted({code for verdict in own.each.values() if verdict.status == "FAIL" for code in verdict.codes})
    ends = clopper_pearson(own.count("FAIL"), len(own.each), LEVEL)
    bounds = "" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    return f"{own.count('FAIL')} of {len(own.each)}{bounds}{': ' + ', '.join(codes) if codes else ''}"


def _told(verdict: Verdict) -> str:
    return f"{verdict.status} ({', '.join(verdict.codes)})" if verdict.codes else verdict.status


def all_hold(found: Sequence[Expectation]) -> bool:
    """Return whether everything that must hold does."""
    return all(one.holds for one in found)
