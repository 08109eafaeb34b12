"""What a tokenizer alone gives away: how a model that was never shown the planted people ranks their secrets. Wakes torch.

Byte-pair merges are learned from frequent pairs. Learned from a corpus that holds a number, they write that number in fewer
tokens than any other of its form, and the product of fewer probabilities is larger under every model. The rank test (F4) takes
the true value for exchangeable with its siblings, which then does not hold, though no weight was ever shown it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.load import load_model
from rtbf.progress import Progress, silent
from rtbf.statistics.ranks import mean_rank_p
from rtbf.trial.models import NEVER_SEED, Shape, make_tokenizer, never_shown, tokenizer_of
from rtbf.trial.questions import SIZES, make_trial_questions
from rtbf.verify.asked import ask_set
from rtbf.verify.probes.counterfactual_rank import value

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.trial.people import Population
    from rtbf.verify.items.source import Sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretRanks:
    """How never-shown weights rank secrets that their tokenizer was, or was not, learned from.

    mean     mean of F4's value: 0.5 is what guessing gives
    p_leak   F4's one-sided p-value of "still known"
    shorter  mean over secrets of the share of siblings that take more tokens than the true value; near a half of those that differ
    """

    learned_from: str
    secrets: int
    mean: float
    p_leak: float | None
    shorter: float


def secret_ranks(
    population: Population, work: Path, *, seed: int, shape: Shape, sizes: Sizes = SIZES, progress: Progress = silent
) -> tuple[SecretRanks, SecretRanks]:
    """Return the ranks with a tokenizer learned from strangers, then with one learned from the planted people's own corpus."""
    own = tokenizer_of((*population.forget, *population.others), work, progress)
    named = {"strangers": make_tokenizer(population, work, progress), "the corpus that holds the secrets": own}
    found = []
    for learned_from, tokens in named.items():
        model = never_shown(population, tokens, work, seed=NEVER_SEED, shape=shape, progress=progress)
        asked = make_trial_questions(population, tokens.folder, {"secrets"}, seed=seed, sizes=sizes).asked["secrets"]
        network = load_model(model.folder, model.digest, "a never-shown model")
        answers = ask_set(network, asked, is_plain=False, is_other_layout=False, seed=seed, progress=progress)
        choices = [entry for entry in answers if isinstance(entry, ChoiceScores)]
        values = [known for choice in choices if (known := value(choice)) is not None]
        longer = [sum(size > choice.true_tokens for size in choice.others_tokens) / len(choice.others_tokens) for choice in choices]
        found.append(
            SecretRanks(
                learned_from=learned_from,
                secrets=len(values),
                mean=math.fsum(values) / len(values),
                p_leak=mean_rank_p([1 - known for known in values], [len(choice.others) for choice in choices], side="low"),
                shorter=math.fsum(longer) / len(longer),
            )
        )
    return found[0], found[1]
