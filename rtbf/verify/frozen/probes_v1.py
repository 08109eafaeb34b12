"""The six probes of reports up to the third version: what each says of itself, its value, and the files it was computed by.

A report names the digest of each probe's file. A digest listed here is of a file that computes the same value: between
them only words were changed. Standard library only.
Sources: PROTOCOL F1 to F3, R2, U1; specs/verification/03_memorisation.md §3.1 to §3.3; 06_recovery.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.verify.frozen.item_scores_v1 import ItemScores

MIN_TOKENS = 5


class Valued(Protocol):
    """Whatever gives an item its score: a probe, or one that stops with an error."""

    @property
    def value(self) -> Callable[[ItemScores], float | None]:
        """Return the function from an item to its score, or None when it cannot carry one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One probe: the facts of its card, the digests of its files, and its functions of one item."""

    name: str
    probe_id: str
    family: Literal["forget", "utility", "recovery"]
    unit: str
    higher_is: str
    needs: str
    items: str
    code_digests: frozenset[str]
    value: Callable[[ItemScores], float | None]
    is_witness: Callable[[ItemScores], bool] | None = None


def mean_log_prob(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None


def mean_loss(scores: ItemScores) -> float | None:
    """Return the mean negative log-likelihood per answer token in nats; None for no token."""
    return -math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None


def share_of_hits(scores: ItemScores) -> float | None:
    """Return exact memorisation in [0, 1], the share of tokens that are the arg-max; None below 5 tokens."""
    hits = scores.content_hits
    return sum(hits) / len(hits) if len(hits) >= MIN_TOKENS else None


def share_extracted(scores: ItemScores) -> float | None:
    """Return extraction strength in [0, 1], 1 − k*/n for the shortest prefix k* after which all is right; None below 5 tokens."""
    hits = scores.content_hits
    if len(hits) < MIN_TOKENS:
        return None
    last_miss = max((place for place, is_hit in enumerate(hits) if not is_hit), default=-1)
    return 1 - (last_miss + 1) / len(hits)


def share_led(scores: ItemScores) -> float | None:
    """Return the share of leading answer tokens that greedy decoding reproduces; None below 5 tokens."""
    hits = scores.content_hits
    if len(hits) < MIN_TOKENS:
        return None
    run = next((place for place, is_hit in enumerate(hits) if not is_hit), len(hits))
    return run / len(hits)


def is_whole(scores: ItemScores) -> bool:
    """Return whether the whole answer comes back under greedy decoding."""
    return len(scores.content_hits) >= MIN_TOKENS and all(scores.content_hits)


PROBES = (
    Probe(
        name="verbatim_completion",
        probe_id="F1",
        family="forget",
        unit="share of answer tokens",
        higher_is="more remembered",
        needs="teacher_forced",
        items="forget",
        code_digests=frozenset(
            {
                "sha256:2b1b856b503d035582966f075ceba1a00638216ae08f31490e24abef693390c1",
                "sha256:16dd25b9737d9296b026fa6dc9ac257ced6e7fb37c05a977f162b407df9574e3",
                "sha256:79020aba4d5581c1bf6720037e5b5f301dc0b7995921f49a822d410ed49aa643",
            }
        ),
        value=share_led,
        is_witness=is_whole,
    ),
    Probe(
        name="extraction_strength",
        probe_id="F2",
        family="forget",
        unit="share of answer tokens",
        higher_is="more remembered",
        needs="teacher_forced",
        items="forget",
        code_digests=frozenset(
            {
                "sha256:889a2e0742eebbd8e45a580a97e77b07fddfb2aaa5e95afe21a2f55df32b7e2c",
                "sha256:53948ea04a98b9ce1573b0c4f05e31856e3cdb8a1c447b7c51b6fad41f1626ab",
                "sha256:fbc896fdbbbddff902011f72ffdb31a322c2963443109733c5d26e1893267419",
            }
        ),
        value=share_extracted,
    ),
    Probe(
        name="exact_memorisation",
        probe_id="F2.em",
        family="forget",
        unit="share of answer tokens",
        higher_is="more remembered",
        needs="teacher_forced",
        items="forget",
        code_digests=frozenset(
            {
                "sha256:19d7ea2f1c860e994d283d5217539696d7c82c45f4bf3013e3e7b16dad906aec",
                "sha256:2301ab426202fea4aae6fb5d9aaa646b2917aea68437250e97c939ae5606e73f",
                "sha256:0bc4db9698b6b4ec77652eb53500d8aeb4ae368eb1dcce2f307a5e284c8a08f8",
            }
        ),
        value=share_of_hits,
    ),
    Probe(
        name="answer_probability",
        probe_id="F3",
        family="forget",
        unit="nats per token",
        higher_is="more remembered",
        needs="teacher_forced",
        items="forget",
        code_digests=frozenset(
            {
                "sha256:6512ef805b1793ca602e73726c448c5b38d5c43b5e0ede15e612688f2cee2613",
                "sha256:9863e0140dc6341f7dc63bf1a971eedfc90e77946081945abc55a83eb4d486d7",
                "sha256:0b64779d718d08b9987eefbb75ba47ac358d1639ca0f891cda1d4834a3a67bab",
            }
        ),
        value=mean_log_prob,
    ),
    Probe(
        name="adapter_off",
        probe_id="R2",
        family="recovery",
        unit="nats per token",
        higher_is="more remembered",
        needs="adapter_state",
        items="forget",
        code_digests=frozenset(
            {
                "sha256:23373bb439c955feb50e7071defc39af4fe0bc7cd4fc7d19ed5871f9d42c0a38",
                "sha256:e951bd702965b08b434f19215211bcc5853f7ee074fdcee61fde70c5d2d75ca1",
                "sha256:2d53ac84cacf4d4f1e5978b598d7daabdde3a988445f42bb1e597485e87c1a2f",
                "sha256:39dd9726e01b77cba4b617242cd075565828c14b128fd10df6777856a84eaf34",
            }
        ),
        value=mean_log_prob,
    ),
    Probe(
        name="retain_loss",
        probe_id="U1",
        family="utility",
        unit="nats per token",
        higher_is="worse utility",
        needs="teacher_forced",
        items="utility_holdout",
        code_digests=frozenset(
            {
                "sha256:ccc1230636262995e3d627dbc243f87043deada5f7586dc9ed96536c16cd3119",
                "sha256:2620c0f12f57f0ca316f5d2f7aff4463aea6a8899878f5c17b5bb419e07ef2b9",
                "sha256:b9a00ccf07827e737e6839b83051cc7c551f5089aba241160cbf51d1f0682d4b",
            }
        ),
        value=mean_loss,
    ),
)
"""The probes of the earlier releases, F2 and its second score each on its own."""
