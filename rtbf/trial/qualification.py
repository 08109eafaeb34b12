"""Qualify a method: plant people, unlearn all of them with it, put the verifier's battery to the result, and state what came out.

The method qualifies when all planted subjects, as one ticket with the subject as unit, PASS for class approximate. How their
tickets would have fared one by one is stated beside it, with exact bounds. A run that was killed goes on where it was: models,
unlearning and passes lie in a work folder by the digests of what they follow from. Wakes torch.
Does not prove anything about real people's records, larger models, other languages, or a ticket's own run.
Source: specs/verification/09_statistics.md §9.6; 07_meta_evaluation.md §7.5.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import BadInput
from rtbf.evidence.canonical import decimal_text, digest_of
from rtbf.lm.encoding import training_items
from rtbf.lm.load import environment, folder_context_tokens, load_model, load_tokenizer
from rtbf.lm.scoring import tokens_of
from rtbf.plan.card import code_digest, method_card, parse_parameters
from rtbf.plan.cost import TRAINING_FACTOR, training_cost
from rtbf.plan.qualification import SCHEMA, QualifiedProbe, Share, Trial, last_day, settings_of
from rtbf.plan.record import FORGET_BATCH, RETAIN_BATCH
from rtbf.progress import Progress, silent
from rtbf.statistics.drawn import drawn_by
from rtbf.statistics.trials import clopper_pearson
from rtbf.trial.judging import again, judge_each, judge_pooled
from rtbf.trial.measuring import Bench, candidate_of, measure, wanted_sets
from rtbf.trial.models import Shape, make_models, make_tokenizer
from rtbf.trial.people import invent_population
from rtbf.trial.pools import unlearned, unmerged
from rtbf.trial.questions import SIZES, make_trial_questions
from rtbf.trial.unlearning import Sides, run_method
from rtbf.verify.record import QualificationUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rtbf.plan.request import PlanRequest
    from rtbf.trial.judging import Battery, Judged
    from rtbf.trial.models import Made, TrialModels
    from rtbf.trial.people import Population
    from rtbf.trial.questions import Questions
    from rtbf.trial.unlearning import Run
    from rtbf.verify.items.source import Sizes

LEAST_SUBJECTS = 100
"""Sheet 9.6; fewer give bounds too wide to say anything."""

N_CONTROLS = 2
LEVEL = 0.95
AS_IF = QualificationUse(digest="sha256:" + "0" * 64, is_in_date=True, covers=True)
"""A qualification that holds, to see what a ticket's verdict would be if it could lean on one; its digest is nobody's."""

DOES_NOT_COVER = (
    "real people's records: planted ones are short, in English, and each fact is told once or twice",
    "models of another family, or more than ten times larger or smaller",
    "runs without control models, and settings other than these; what the method proposes from a ticket's records may differ",
    "a run for one person: here all planted people were unlearned in one run",
    "relearning against one subject alone: the attacker trained on half of everybody's records at once",
    "tokenizers that were learned from the person's own records: the trial's was learned from others",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a trial takes at most, in forward-token units (`plan.cost`)."""

    training: int
    unlearning: int
    measuring: int

    @property
    def total(self) -> int:
        """Return the sum."""
        return self.training + self.unlearning + self.measuring


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A trial before anything is trained but a tokenizer: who is planted, what is asked, what it costs."""

    request: PlanRequest
    population: Population
    tokens: Made
    questions: Questions
    shape: Shape
    profile: str
    seed: int
    work: Path
    budget: Budget

    @property
    def sides(self) -> Sides:
        """Return the records of both sides of unlearning."""
        return Sides(forget=self.population.forget, retain=self.questions.retain, holdout=self.questions.holdout)


def prepare_trial(
    request: PlanRequest,
    work: Path,
    *,
    subjects: int,
    seed: int,
    profile: str,
    shape: Shape | None = None,
    sizes: Sizes = SIZES,
    progress: Progress = silent,
) -> Prepared:
    """Return the trial with its budget; raises UnknownName and BadInput for a method, setting or profile that is none."""
    settings_of(request)
    if method_card(request.named_method).artefact == "weights":
        raise BadInput(
            found=f"method {request.named_method}, which makes the weights anew",
            expected="a method that changes weights",
            remedy="it needs no qualification: class exact rests on how the weights came about, however few the records are",
        )
    population = invent_population(subjects, subjects, seed)
    shape = shape or Shape()
    tokens = make_tokenizer(population, work, progress)
    questions = make_trial_questions(population, tokens.folder, wanted_sets(profile), seed=seed, sizes=sizes, progress=progress)
    return Prepared(
        request=request,
        population=population,
        tokens=tokens,
        questions=questions,
        shape=shape,
        profile=profile,
        seed=seed,
        work=work,
        budget=_budget(request, population, questions, tokens, shape, profile, seed),
    )


def run_trial(prepared: Prepared, now: datetime, progress: Progress = silent) -> Trial:
    """Return the trial's statement, to be signed. `now` is the day it is made on."""
    population, questions, seed = prepared.population, prepared.questions, prepared.seed
    models = make_models(population, prepared.work, n_never=N_CONTROLS, shape=prepared.shape, progress=progress)
    run = run_method(prepared.request, prepared.sides, models.original, models.never, prepared.work, seed=seed, progress=progress)
    candidate = unlearned(run, models.original) if run.record.kind != "adapter" else unmerged(run, models.original)
    bench = _bench(prepared, models.original, models.never)
    observed = measure(bench, candidate, progress)
    battery = bench.battery(candidate)
    pooled = judge_pooled(observed, population.owners, battery)
    each = judge_each(
        observed,
        {subject.subject_id: subject.record_ids for subject in population.planted},
        battery,
        blind_auc=questions.blind_auc,
        progress=progress,
    )
    return _statement(prepared, models, run, pooled, shares_of(each, battery), now)


def shares_of(each: Mapping[str, Judged], battery: Battery) -> tuple[Share, ...]:
    """Return how the subjects' own tickets ended, alone and as if they could lean on a qualification."""
    alone = [judged.verdict for judged in each.values()]
    leaning = [again(judged, battery, AS_IF).verdict for judged in each.values()]
    counts = {
        "PASS": sum(verdict.status == "PASS" for verdict in alone),
        "FAIL": sum(verdict.status == "FAIL" for verdict in alone),
        "FAIL, trace": sum(verdict.status == "FAIL" and any(code.endswith(":TRACE") for code in verdict.codes) for verdict in alone),
        "INCONCLUSIVE": sum(verdict.status == "INCONCLUSIVE" for verdict in alone),
        "PASS if qualified": sum(verdict.status == "PASS" and verdict.class_awarded == "approximate" for verdict in leaning),
    }
    return tuple(_share(outcome, hits, len(each)) for outcome, hits in counts.items())


def frequent_codes(judged: Iterable[Judged], most: int = 3) -> tuple[tuple[str, int], ...]:
    """Return the codes that most of these verdicts bear, with how many do."""
    counts = Counter(code for one in judged for code in one.verdict.codes)
    return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most])


def _bench(prepared: Prepared, original: Made, controls: Sequence[Made]) -> Bench:
    return Bench(
        questions=prepared.questions,
        original=original,
        controls=tuple(controls),
        profile=prepared.profile,
        seed=prepared.seed,
        work=prepared.work,
    )


def _budget(
    request: PlanRequest, population: Population, questions: Questions, tokens: Made, shape: Shape, profile: str, seed: int
) -> Budget:
    tokenizer, size = load_tokenizer(tokens.folder), folder_context_tokens(tokens.folder)
    forget, others, retain = (
        training_items(records, tokenizer, size) for records in (population.forget, population.others, questions.retain)
    )
    is_changing = method_card(request.named_method).artefact != "none"
    per_step = tokens_of(forget) * FORGET_BATCH / len(forget) + tokens_of(retain) * RETAIN_BATCH / len(retain)
    bench = Bench(questions=questions, original=tokens, controls=(tokens,) * N_CONTROLS, profile=profile, seed=seed, work=tokens.folder)
    kind = "unchanged" if not is_changing else "merged" if request.is_merged else "adapter"
    stand_in = candidate_of(
        request.named_method,
        kind,
        tokens.digest,
        tokenizer_of=tokens.folder,
        adapter_state="none",
        seed=None,
        load=lambda: load_model(tokens.folder, tokens.digest, "a trial's tokenizer"),
    )
    return Budget(
        training=(1 + N_CONTROLS) * training_cost(tokens_of(forget) + tokens_of(others), shape.epochs),
        unlearning=round(TRAINING_FACTOR * request.max_steps * per_step) if is_changing else 0,
        measuring=bench.tokens([stand_in]),
    )


def _statement(prepared: Prepared, models: TrialModels, run: Run, pooled: Judged, shares: tuple[Share, ...], now: datetime) -> Trial:
    population, request, verdict = prepared.population, prepared.request, pooled.verdict
    network = load_model(models.original.folder, models.original.digest, "a trial's original")
    sizes = Counter(len(subject.records) for subject in population.planted)
    findings = {finding.probe_id: finding for finding in verdict.findings}
    made_at = rfc3339(now)
    return Trial(
        schema=SCHEMA,
        method=request.named_method,
        method_digest=code_digest("method", request.named_method),
        settings=settings_of(request),
        parameters=run.plan.parameters or parse_parameters(method_card(request.named_method), request.parameters),
        model_family=str(network.config.model_type),
        model_parameters=sum(parameter.numel() for parameter in network.parameters()),
        recipe=models.recipe,
        recipe_digest=digest_of(list(map(list, models.recipe))),
        controls=len(models.never),
        subjects=len(population.planted),
        records=len(population.forget),
        ticket_sizes=tuple(sorted(sizes.items())),
        remembered=decimal_text(models.remembered) or "not finite",
        profile=prepared.profile,
        seed=prepared.seed,
        steps=run.record.steps,
        stop_reason=run.record.stop_reason,
        status=verdict.status,
        class_awarded=verdict.class_awarded,
        codes=verdict.codes,
        probes=tuple(
            QualifiedProbe(
                probe_id=probe.probe_id,
                role=probe.role,
                status=findings[probe.probe_id].status,
                reason=findings[probe.probe_id].reason,
                units=probe.n_records,
                estimate=probe.estimate,
                low=None if probe.interval is None else probe.interval.low,
                high=None if probe.interval is None else probe.interval.high,
                margin=probe.margin,
            )
            for probe in pooled.probes
        ),
        shares=shares,
        software=tuple(sorted((*environment(), *drawn_by(), ("rtbf", importlib.metadata.version("rtbf"))))),
        made_at=made_at,
        ends_on=last_day(now),
        does_not_cover=DOES_NOT_COVER,
    )


def _share(outcome: str, hits: int, trials: int) -> Share:
    ends = clopper_pearson(hits, trials, LEVEL)
    low, high = (decimal_text(end) or "" for end in ends) if ends is not None else ("", "")
    return Share(outcome=outcome, subjects=hits, low=low, high=high)
