"""Private models of an installation: trained under a secret that lives no longer than the training, certified, found again."""

from __future__ import annotations

import json
import secrets
import shutil
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, PrivacyRefuted, RecordBroken
from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder, replace_file
from rtbf.foundry.certificates import CERTIFICATE
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.recipes.dp.certificate import DpCertificate, certificate_path, read_certificate
from rtbf.lm.recipes.dp.recipe import train_dp
from rtbf.lm.training import FolderCheckpoints
from rtbf.pipeline.noise_secrets import destroy_noise_secret, has_noise_secret, noise_secret
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.installation import Installation
    from rtbf.lm.recipes.plain import Base

_ID_BYTES = 8
_MARKER = "private.json"


def train_private(
    installation: Installation,
    *,
    records: Sequence[Record],
    parameters: tuple[tuple[str, str], ...],
    seed: int,
    base: Base,
    target: Path,
    states: Path,
    progress: Progress = silent,
) -> tuple[tuple[str, str], ...]:
    """Train privately, write model and certificate, and return the recipe with the certificate's digest.

    The secret of noise, draws and canaries is drawn for this training alone, lies wrapped in the key store while it runs, so that a
    training that is killed ends in the same bytes, and is destroyed when it has ended: then nobody can compute the noise.

    states   a folder in which a training that was killed finds its own again
    raises   as `train_dp`: BadInput for a budget of no use, PrivacyRefuted where the canaries refute it. Then nothing is left of it.
    """
    run = digest_of([list(map(list, parameters)), seed, base.digest, digest_of([record.record_id for record in records])])
    training_id = _begun(installation, states / _MARKER, run, target)
    if has_noise_secret(installation, training_id) or (certificate := _ended(target, base)) is None:
        try:
            certificate = train_dp(
                records=records,
                parameters=parameters,
                seed=seed,
                base=base,
                noise_secret=noise_secret(installation, training_id),
                target=target,
                checkpoint=FolderCheckpoints(folder=states / "run"),
                progress=progress,
            )
        except (BadInput, PrivacyRefuted):
            _give_up(installation, training_id, states, target)
            raise
        destroy_noise_secret(installation, training_id)
    return tuple(sorted([*parameters, (CERTIFICATE, digest_of(certificate))]))


def _begun(installation: Installation, marker: Path, run: str, target: Path) -> str:
    """Return the id of this very training where it was begun, or a new one; what another run left half-done goes, with its secret."""
    if marker.is_file():
        noted = json.loads(marker.read_text(encoding="utf-8"))
        if noted["run"] == run:
            return str(noted["training"])
        _give_up(installation, noted["training"], marker.parent, target)
    training_id = secrets.token_hex(_ID_BYTES)
    make_private_folder(marker.parent)
    replace_file(marker, json.dumps({"run": run, "training": training_id}).encode())
    return training_id


def _ended(target: Path, base: Base) -> DpCertificate | None:
    """Return the certificate of a training that ended and was killed before it was registered; None where there is none."""
    try:
        found = read_certificate(target)
    except RecordBroken:
        return None
    is_whole = target.is_dir() and digest_of_files(list_files(target)) == found.model_digest
    return found if is_whole and found.base_digest == base.digest else None


def _give_up(installation: Installation, training_id: str, states: Path, target: Path) -> None:
    destroy_noise_secret(installation, training_id)
    shutil.rmtree(states, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    certificate_path(target).unlink(missing_ok=True)
