"""A signed trial's statement as tests need it: npo, qualified, made on a given day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.clock import rfc3339
from rtbf.plan.card import code_digest
from rtbf.plan.qualification import QualifiedProbe, Share, Trial, last_day

if TYPE_CHECKING:
    from datetime import datetime

SETTINGS = (("brake", "yes"), ("learning_rate", "0.001"), ("max_steps", "300"), ("merge", "yes"))


def a_trial(made: datetime, **changes: Any) -> Trial:
    """Return the statement of a trial that npo passed."""
    fields: dict[str, Any] = {
        "schema": "rtbf.qualification/1",
        "method": "npo",
        "method_digest": code_digest("method", "npo"),
        "settings": SETTINGS,
        "parameters": (("beta", "0.1"), ("learning_rate", "0.001")),
        "model_family": "llama",
        "model_parameters": 600_000,
        "recipe": (("epochs", "25"),),
        "recipe_digest": "sha256:" + "1" * 64,
        "controls": 2,
        "subjects": 100,
        "records": 485,
        "ticket_sizes": ((2, 20), (3, 20)),
        "remembered": "0.990000",
        "profile": "standard",
        "seed": 1,
        "steps": 120,
        "stop_reason": "both_sides_held",
        "status": "PASS",
        "class_awarded": "approximate",
        "codes": (),
        "probes": (
            QualifiedProbe(
                probe_id="F3", role="primary", status="equivalent", reason=None, units=100, estimate="0.020000", low="-0.030000",
                high="0.070000", margin="0.10",
            ),
            QualifiedProbe(
                probe_id="F5", role="primary", status="inconclusive", reason="BLIND_GATE", units=0, estimate=None, low=None, high=None,
                margin="0.10",
            ),
        ),
        "shares": (
            Share(outcome="FAIL", subjects=0, low="0.000000", high="0.036217"),
            Share(outcome="INCONCLUSIVE", subjects=100, low="0.963783", high="1.000000"),
        ),
        "software": (("rtbf", "1"),),
        "made_at": rfc3339(made),
        "ends_on": last_day(made),
        "does_not_cover": ("everything else",),
    }  # fmt: skip
    return Trial(**{**fields, **changes})
