"""The frozen record of one unlearning run. Two runs of one plan on one build give equal bytes; so it holds no times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.lm.digest import ArtefactFile

SCHEMA = "rtbf.unlearned/2"


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """One check of the stop rule, in nats per answer token, as decimal text."""

    step: int
    forget_nll_nats: str
    retain_nll_nats: str
    loss: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlearned:
    """The artefact that came out, how long it took in steps, and why it stopped.

    withheld   record ids of the approved plan's forget set, in its order, that were not unlearned: a hold was placed or
               a decision changed after the approval
    """

    ticket_id: str
    attempt: int
    plan_digest: str
    method: str
    kind: Literal["unchanged", "merged", "adapter"]
    """unchanged: the original's own files · merged: new full weights · adapter: an adapter over the unchanged original"""
    artefact_digest: str
    files: tuple[ArtefactFile, ...]
    base_digest: str
    withheld: tuple[str, ...]
    steps: int
    stop_reason: Literal["both_sides_held", "max_steps", "nothing_to_train"]
    curve: tuple[CurvePoint, ...]
    environment: tuple[tuple[str, str], ...]
    schema: str = SCHEMA
