"""The certificate of a registered private model: the very file that its training wrote, by digest. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, BadInput
from rtbf.evidence.canonical import digest_of
from rtbf.lm.recipes.dp.certificate import DpCertificate, read_certificate

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.store.registry import RegisteredModel

CERTIFICATE = "certificate"
"""Entry of a registered model's recipe that its training adds: the digest of its certificate."""


def certificate_of(installation: Installation, registered: RegisteredModel) -> DpCertificate:
    """Return the certificate that a private training wrote beside its model.

    raises   BadInput for a model that was not trained privately, RecordBroken where there is no readable certificate,
             ArtefactMismatch where it is another than the registered one, or of another model
    """
    model = registered.model
    recorded = dict(model.recipe).get(CERTIFICATE)
    if recorded is None or model.origin != "trained":
        raise BadInput(
            found=f"model {model.name} revision {model.revision}, which has no certificate",
            expected="one trained with `rtbf model train --recipe dp`",
            remedy="see `rtbf model list`",
        )
    found = read_certificate(installation.home.resolved(registered.location))
    if digest_of(found) != recorded or found.model_digest != model.digest:
        raise ArtefactMismatch(
            found=f"a certificate beside model {model.name} revision {model.revision} that is not its own",
            expected=f"the one with digest {recorded}",
            remedy="restore the file from a backup, or train the model again; until then nothing is promised to anybody",
        )
    return found
