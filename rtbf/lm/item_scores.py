"""What one model scored on one sequence. Standard library only: the offline checker recomputes probes from it."""

from __future__ import annotations

from dataclasses import dataclass

COOL_TEMPERATURE = 0.7
"""The lower of the two sampling temperatures of PROTOCOL R1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemScores:
    """Scores of one item's answer tokens, teacher-forced. Logs of the second form lack the fields that have a default.

    log_probs        natural log-probability of each answer token
    hits             whether the arg-max at each position is the answer token
    has_end          whether the last token is the end mark; verbatim scores leave it out
    label            what the item is for inside its set, as a form or a field's kind; never personal data
    means            μ_t = E_{v~p_t}[log p_t(v)] per token in nats, minus the entropy (Min-K%++, arXiv 2404.02936)
    deviations       σ_t, the standard deviation of log p_t(v) under v ~ p_t, per token in nats
    cool_log_probs   log-probability of each answer token at temperature 0.7
    zlib_bytes       bytes of the answer's text under zlib; None where no text was at hand
    """

    record_id: str
    log_probs: tuple[float, ...]
    hits: tuple[bool, ...]
    has_end: bool
    label: str = ""
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    cool_log_probs: tuple[float, ...] = ()
    zlib_bytes: int | None = None

    @property
    def content_hits(self) -> tuple[bool, ...]:
        """Return the hits without the end mark."""
        return self.hits[:-1] if self.has_end else self.hits

    @property
    def content_log_probs(self) -> tuple[float, ...]:
        """Return the log-probabilities without the end mark."""
        return self.log_probs[:-1] if self.has_end else self.log_probs
