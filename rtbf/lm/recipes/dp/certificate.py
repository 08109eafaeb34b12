"""What a private training promises, to whom, and what it was counted from: a frozen record beside the model it names.

A certificate is the operator's own word: it shows the accounting and which model it is of; it does not prove that the training
took place as written, and since the secret of its noise is destroyed nobody can run it again. What it promises holds for one
subject; for a group of k it is ε·k and much weaker. Nothing is promised against who holds the training data, or about what
others' records say. Its own counts of subjects and records are exact and not covered by ε: who sees it learns them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes, decimal_text
from rtbf.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "rtbf.dp/1"
SUFFIX = ".dp.json"

UNIT = "data subject"
NEIGHBOURS = "zero-out"
"""Two corpora are neighbours where one subject's records contribute nothing in one of them; N and q·N are public and equal in both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryCounts:
    """What the one-run audit of the training came to (`rtbf.lm.recipes.dp.audit.CanaryAudit`); ε and level as decimal text."""

    canaries: int
    guesses: int
    right: int
    level: str
    refuted: str | None
    best_refutable: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DpCertificate:
    """The terms of one private training. Numbers that are not whole are decimal text.

    subjects               units with at least one record in the training, canaries not counted
    population             N of the divisor q·N; public: at least `subjects`, and all canaries, planted or not
    own_unit_records       records that name no subject: each is a unit of its own, which protects a person no further than that record
    several_subjects       records left out because they name several subjects
    over_cap               records left out because their subject has more than k_max
    trained_numbers        how many numbers the noise was added to
    epsilon_asked          the budget; `epsilon_prv` is what the training cost, at `delta`, and `epsilon_rdp` the cross-check
    audit                  None where no canaries were planted
    """

    unit: str
    neighbours: str
    subject_field: str
    subjects: int
    population: int
    own_unit_records: int
    several_subjects: int
    over_cap: int
    k_max: int
    rate: str
    sigma: str
    steps: int
    clip: str
    trained_numbers: int
    delta: str
    epsilon_asked: str
    epsilon_prv: str
    epsilon_rdp: str
    accountant: str
    accountant_version: str
    sampler_commitment: str
    base_digest: str
    model_digest: str
    audit: CanaryCounts | None
    schema: str = SCHEMA


def certificate_path(model_folder: Path) -> Path:
    """Return where a model's certificate lies: beside its folder, whose files are digested as they are."""
    return model_folder.with_name(model_folder.name + SUFFIX)


def write_certificate(certificate: DpCertificate, model_folder: Path) -> None:
    """Write the certificate beside the model, in canonical JSON, whole or not at all."""
    replace_file(certificate_path(model_folder), canonical_bytes(certificate) + b"\n")


def read_certificate(model_folder: Path) -> DpCertificate:
    """Return the certificate beside the model.

    raises   RecordBroken where there is none, or its bytes are not those of a certificate of this schema
    """
    path = certificate_path(model_folder)
    try:
        content = path.read_bytes()
        found = TypeAdapter(DpCertificate).validate_json(content, strict=True)
    except (FileNotFoundError, ValidationError) as trouble:
        raise _broken(path) from trouble
    # Canonical bytes and nothing else: an unknown field would be a promise that nobody reads.
    if found.schema != SCHEMA or canonical_bytes(found) + b"\n" != content:
        raise _broken(path)
    return found


def upper_text(epsilon: float) -> str:
    """Return ε with 4 decimals, rounded up: a certificate never promises more than was counted."""
    return _text(math.ceil(epsilon * 10_000))


def lower_text(epsilon: float) -> str:
    """Return an ε that was refuted with 4 decimals, rounded down: no more is refuted than was."""
    return _text(math.floor(epsilon * 10_000))


def _text(ten_thousandths: int) -> str:
    text = decimal_text(ten_thousandths / 10_000, places=4)
    assert text is not None
    return text


def _broken(path: Path) -> RecordBroken:
    return RecordBroken(
        found=f"no readable certificate at {path.name}",
        expected=f"the canonical JSON of a certificate of schema {SCHEMA}",
        remedy="restore the file, or train the model again; without it no privacy may be stated",
    )
