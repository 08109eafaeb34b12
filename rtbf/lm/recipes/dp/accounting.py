"""From a budget (ε, δ) per subject to the noise of a step, and whether a budget is worth training for.

The mechanism is the Gaussian one over a Poisson sample of subjects: rate q, noise σ·C, T steps. ε is opacus' PRV upper
bound; Rényi accounting, another proof of the same mechanism, must agree. Both assume that each subject is drawn
independently and contributes at most C; neither knows whether the training did that, nor of floating-point noise.
Sources: methods/dp-sgd-practice.md; Gopi, Lee & Wutschitz 2021 (PRV); Mironov, Talwar & Zhang 2019 (RDP).
"""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import dataclass
from importlib.metadata import version

from rtbf.errors import BadInput, Fault

LARGEST_EPSILON = 20.0
"""Above it e^ε is half a milliard: such a bound excludes nothing, and PRV's grid grows with ε (sheet: 8 is the common ceiling)."""

DELTA_SHARE = 10
"""δ ≤ 1/(10·N): a mechanism that publishes one of N subjects whole, at random, is (0, 1/N)-private (sheet)."""

ACCOUNTANT = "opacus.prv"
_EPSILON_ERROR = 0.01
"""PRV's own error, which its upper bound includes; and the step at which opacus' search for σ stops."""

_LOOSEST = 4.0
"""RDP may lie this many times above PRV: at large σ its fixed list of orders ends too early (2.7 times at σ = 100, q = .064)."""

_SIGMA_PLACES = 4
_SEARCH_RATIO = 5.0
_MUCH_SIGMA = 20.0
_MOST_SIGMA = 1e6
_MOST_SUBJECTS = 10**12


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What T steps at rate q with noise σ·C cost one subject, at δ, by two accountants. ε is `epsilon_prv`."""

    sigma: float
    epsilon_prv: float
    epsilon_rdp: float


def accountant_version() -> str:
    """Return the release of the library that counted."""
    return version("opacus")


@functools.lru_cache(maxsize=256)
def account(*, sigma: float, rate: float, steps: int, delta: float) -> Account:
    """Return the ε at δ of T steps of the Poisson-subsampled Gaussian mechanism.

    raises   BadInput for numbers that are no such mechanism; Fault where the two accountants contradict each other: then one
             of them is wrong, and no ε may be stated
    """
    _require_mechanism(rate, steps, delta)
    if not (math.isfinite(sigma) and sigma > 0):
        raise BadInput(found=f"noise of sigma {sigma}", expected="a positive finite number", remedy="without noise there is no privacy")
    prv, rdp = (_epsilon(kind, sigma, rate, steps, delta) for kind in ("prv", "rdp"))
    # Both bound the same number from above; RDP is the looser one, PRV's bound holds its own grid's error twice.
    if not (math.isfinite(prv) and prv >= 0 and prv <= rdp + 2 * _EPSILON_ERROR and rdp <= _LOOSEST * prv + _EPSILON_ERROR * 10):
        raise Fault(
            found=f"an epsilon of {prv:.4g} by PRV and {rdp:.4g} by RDP for sigma {sigma:g}, rate {rate:g}, {steps} steps",
            expected="two accountants of one mechanism that agree, RDP being the looser",
            remedy="choose a budget further from the edge; report this fault with its numbers",
        )
    return Account(sigma=sigma, epsilon_prv=prv, epsilon_rdp=rdp)


@functools.lru_cache(maxsize=64)
def noise_for(*, epsilon: float, delta: float, rate: float, steps: int) -> Account:
    """Return noise, with 4 decimals, whose ε by PRV at δ is at most `epsilon` and hardly less, with what it costs by both accountants.

    raises   BadInput for an ε outside (0, 20], or one that no noise reaches

    The search ends where ε is within 0.01 below the budget, or a twentieth of a budget so small, and comes from much noise: opacus' own
    (`get_noise_multiplier`) ends in the same σ, but tries noise so small that one grid takes many seconds.
    """
    _require_mechanism(rate, steps, delta)
    if not (math.isfinite(epsilon) and 0 < epsilon <= LARGEST_EPSILON):
        raise BadInput(
            found=f"epsilon {epsilon:g}",
            expected=f"a number above 0, at most {LARGEST_EPSILON:g}",
            remedy="choose a smaller epsilon: a larger one promises nothing to anybody; 8 is the common ceiling",
        )

    def cost(sigma: float) -> float:
        return _epsilon("prv", sigma, rate, steps, delta)

    enough = _MUCH_SIGMA
    while cost(enough) > epsilon:
        enough *= 2
        if enough > _MOST_SIGMA:
            raise BadInput(
                found=f"epsilon {epsilon:g} at delta {delta:g} over {steps} steps at rate {rate:g}",
                expected=f"a budget that noise of sigma {_MOST_SIGMA:g} keeps",
                remedy="take fewer steps, a smaller rate, or a larger epsilon",
            )
    too_little = _rounded_up(max(enough * cost(enough) / epsilon, enough / _SEARCH_RATIO))
    while cost(too_little) <= epsilon:
        enough, too_little = too_little, _rounded_up(too_little / _SEARCH_RATIO)
    tolerance = min(_EPSILON_ERROR, epsilon / 20)
    is_halved = False
    while epsilon - cost(enough) > tolerance:
        # log ε is nearly a line in log σ: a few tries by interpolation, every second one by halving in case it is not.
        place = 0.5 if is_halved else math.log(cost(too_little) / (epsilon - tolerance / 2)) / math.log(cost(too_little) / cost(enough))
        middle = _rounded_up(too_little * (enough / too_little) ** place)
        if not too_little < middle < enough:
            middle = _rounded_up((enough + too_little) / 2)
            if middle >= enough:
                break
        if cost(middle) <= epsilon:
            enough = middle
        else:
            too_little = middle
        is_halved = not is_halved
    return account(sigma=enough, rate=rate, steps=steps, delta=delta)


def signal_bound(*, subjects: int, rate: float, steps: int, sigma: float, dimensions: int) -> float:
    """Return the largest ratio of what a whole training can learn to what it adds as noise: q·N·√T / (σ·√d).

    The sum of all steps holds a signal of at most T·q·N·C, reached when every subject of every step is clipped and all point the
    same way; and noise of norm σ·C·√(T·d) over d trained numbers. C cancels. Below 1 the change of the weights is mostly
    noise however the data lie: no choice of C or learning rate mends that. At 1 or above nothing is promised: real subjects
    do not all agree. At the sheet's settings (q = .064, T = 390, ε = 8) and a million trained numbers this asks for about
    900 subjects, as its rule of thumb does ("with N < 1000 useful utility is unlikely").
    """
    return rate * subjects * math.sqrt(steps) / (sigma * math.sqrt(dimensions))


def subjects_needed(*, epsilon: float, delta: float, rate: float, steps: int, dimensions: int) -> int | None:
    """Return the least N for which `signal_bound` reaches 1 with δ ≤ 1/(10·N), ε, q and T as given; None above 10¹².

    More subjects ask for a smaller δ and hence for more noise, so N is searched: the noise for N subjects asks for some number of
    them, from which the search goes on until it asks for no more. It starts below the answer and does not step over it, since
    both maps are non-decreasing; what it ends in is the least, but for the 0.01 that `noise_for` leaves of ε.
    """
    needed = 1
    while needed <= _MOST_SUBJECTS:
        sigma = noise_for(epsilon=epsilon, delta=min(delta, _largest_delta(needed)), rate=rate, steps=steps).sigma
        asked = max(1, math.ceil(sigma * math.sqrt(dimensions) / (rate * math.sqrt(steps))))
        if asked <= needed:
            return needed
        needed = asked
    return None


def require_useful(*, subjects: int, epsilon: float, delta: float, rate: float, steps: int, dimensions: int) -> Account:
    """Return the noise of a budget that N subjects can use.

    raises   BadInput where δ is above 1/(10·N), or where `signal_bound` is below 1: with the number of subjects that would do
    """
    if subjects < 1:
        raise BadInput(found="no subject to train on", expected="at least one", remedy="name the field that holds the subject")
    if delta > _largest_delta(subjects):
        raise BadInput(
            found=f"delta {delta:g} for {subjects} subjects",
            expected=f"at most 1/({DELTA_SHARE}·N) = {_largest_delta(subjects):.3g}",
            remedy="choose a smaller delta: this one permits to publish one subject of the corpus whole",
        )
    found = noise_for(epsilon=epsilon, delta=delta, rate=rate, steps=steps)
    bound = signal_bound(subjects=subjects, rate=rate, steps=steps, sigma=found.sigma, dimensions=dimensions)
    if bound < 1:
        needed = subjects_needed(epsilon=epsilon, delta=delta, rate=rate, steps=steps, dimensions=dimensions)
        enough = f"at least {needed} subjects" if needed is not None else f"more than {_MOST_SUBJECTS} subjects"
        raise BadInput(
            found=f"{subjects} subjects for epsilon {epsilon:g}, {steps} steps at rate {rate:g} and {dimensions} trained numbers: "
            f"noise above {1 / bound:.1f} times the strongest signal",
            expected=f"{enough} at these settings",
            remedy="bring more subjects, raise rate or steps, or lower the rank",
        )
    return found


@functools.lru_cache(maxsize=1024)
def _epsilon(kind: str, sigma: float, rate: float, steps: int, delta: float) -> float:
    from opacus.accountants import create_accountant  # noqa: PLC0415 - four seconds, only where a budget is counted

    with warnings.catch_warnings():
        # RDP says when its best order is the last of its list: looser, never wrong.
        warnings.simplefilter("ignore")
        accountant = create_accountant(mechanism=kind)
        accountant.history = [(sigma, rate, steps)]
        return float(accountant.get_epsilon(delta=delta))


def _rounded_up(sigma: float) -> float:
    """Return σ with 4 decimals, never less: the text of a certificate is the very noise that was added."""
    scale = 10**_SIGMA_PLACES
    return float(math.ceil(sigma * scale) / scale)


def _largest_delta(subjects: int) -> float:
    return 1 / (DELTA_SHARE * subjects)


def _require_mechanism(rate: float, steps: int, delta: float) -> None:
    if not (0 < rate <= 1 and steps >= 1 and 0 < delta < 1):
        raise BadInput(
            found=f"rate {rate:g}, {steps} steps, delta {delta:g}",
            expected="a rate in (0, 1], at least one step, a delta in (0, 1)",
            remedy="correct the recipe's parameters",
        )
