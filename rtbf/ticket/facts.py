"""What the guards of a ticket's moves may ask, as one flat value: no guard reads a store, a clock or a file.

The pipeline reads the facts in the transaction of the move; the model check of the tests makes every combination.
A fact that is not known is False or None, and every guard is written so that this never opens a door.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Where a ticket stands, as far as the lifecycle cares. `is_submitter` is about whoever asks for the move."""

    # Identity
    is_identified: bool = False
    """A passed check reaches the level that the regime asks of this requester."""
    is_identity_asked: bool = False
    """A check was asked for with its doubt, and waits for the person."""
    is_identity_over: bool = False
    """The newest check ended without success: expired, or its attempts are used up. One that was passed is not over,
    even when its level is too low: then another one has to be asked for."""
    is_same_as_identified: bool = False
    """A linked ticket of an identified person exists that this one may be closed as a duplicate of."""

    # Footprint and decisions
    has_footprint: bool = False
    has_hits: bool = False
    is_decided: bool = False
    """Every item of the newest footprint has a decision."""
    is_about_others: bool = False
    """Everything is decided, and every record found is decided to be about somebody else."""
    is_anything_erased: bool = False
    """At least one item is decided `erase`, whether held or not."""
    has_model_to_change: bool = False
    """A reached model is decided `erase` and at least one erased record it learned is not held."""
    is_held: bool = False
    """Something decided `erase` is under a live hold."""

    # Plan and approval
    was_planned: bool = False
    """A plan was made before; the next one is a person's choice."""
    is_plan_live: bool = False
    """The newest plan was made from the newest footprint, for all that is decided `erase` now or more, and was not superseded;
    and if any model may be changed now, then so may the plan's."""
    is_rejected: bool = False
    is_approval_expired: bool = False
    is_approved: bool = False
    """Enough unexpired approvals of the live plan's digest, by people who may give them."""
    is_grace_over: bool = False

    # Work and verdict
    is_unlearned: bool = False
    """This attempt's unlearning has left its record."""
    is_all_unlearned: bool = False
    """Everything decided `erase` was in this attempt's run: not held when it was planned or started, no other model left out,
    nothing more decided since."""
    verdict: str | None = None
    """PASS, FAIL or INCONCLUSIVE of this attempt; None before it was measured."""
    is_releasable: bool = False
    """The class awarded is one that may fulfil a request; `suppression` may not (DESIGN §2)."""

    # Closing
    notices: frozenset[str] = frozenset()
    """Kinds of notices sent to the requester since the ticket was received or reopened."""
    has_refusal_code: bool = False
    """The refusal that was sent names a lawful reason to refuse the request as a whole."""
    is_rest_named: bool = True
    """Every open residual has an owner and a date."""
    is_submitter: bool = False
    is_key_destroyed: bool = False
