"""What bounds a person's influence, as a record of an erasure shows it: the certificate's terms, counted again when it is needed.

Counted from the terms, not from the training: whether noise was added as the certificate says, nobody can see from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.recipes.dp.accounting import account
from rtbf.lm.recipes.dp.certificate import upper_text
from rtbf.unlearn.record import CanaryFigures, PrivacyProof

if TYPE_CHECKING:
    from rtbf.lm.recipes.dp.certificate import CanaryCounts
    from rtbf.unlearn.method import PrivateBase
    from rtbf.unlearn.record import WarmStart


def privacy_proof(private: PrivateBase, warm_start: WarmStart | None) -> PrivacyProof:
    """Return the bound of a private training with its ε counted again; raises as `rtbf.lm.recipes.dp.accounting.account`."""
    terms = private.certificate
    counted = account(sigma=float(terms.sigma), rate=float(terms.rate), steps=terms.steps, delta=float(terms.delta))
    return PrivacyProof(
        certificate=private.certificate_digest,
        unit=terms.unit,
        epsilon=terms.epsilon_prv,
        epsilon_recomputed=upper_text(counted.epsilon_prv),
        delta=terms.delta,
        accountant=f"{terms.accountant} {terms.accountant_version}",
        k_max=terms.k_max,
        subject_records=private.subject_records,
        outside_records=private.outside_records,
        audit=None if terms.audit is None else _figures(terms.audit),
        warm_start=warm_start,
    )


def _figures(audit: CanaryCounts) -> CanaryFigures:
    return CanaryFigures(
        canaries=audit.canaries,
        guesses=audit.guesses,
        right=audit.right,
        level=audit.level,
        refuted=audit.refuted,
        best_refutable=audit.best_refutable,
    )
