"""The qualification that a plan may lean on, as it stands when its artefact is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.plan.qualification import is_in_date
from rtbf.verify.record import QualificationUse

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.plan.record import Plan


def qualification_use(installation: Installation, plan: Plan) -> QualificationUse | None:
    """Return the planned qualification, and whether its last day has passed by now; None for a plan that names none.

    What it covers was decided when the plan was made, and approved with it.
    """
    planned = plan.qualification
    if planned is None:
        return None
    return QualificationUse(digest=planned.digest, is_in_date=is_in_date(planned.ends_on, installation.clock()), covers=planned.covers)
