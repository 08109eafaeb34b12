"""The certificate of a private training: what was written is what is read, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import RecordBroken
from rtbf.lm.recipes.dp.certificate import (
    NEIGHBOURS,
    UNIT,
    CanaryCounts,
    DpCertificate,
    certificate_path,
    read_certificate,
    write_certificate,
)

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE = DpCertificate(
    unit=UNIT,
    neighbours=NEIGHBOURS,
    subject_field="subject",
    subjects=998,
    population=1000,
    own_unit_records=0,
    several_subjects=3,
    over_cap=17,
    k_max=20,
    rate="0.064",
    sigma="1.1160",
    steps=390,
    clip="1",
    trained_numbers=4096,
    delta="0.000001",
    epsilon_asked="8",
    epsilon_prv="7.9950",
    epsilon_rdp="8.7120",
    accountant="opacus.prv",
    accountant_version="1.6.0",
    sampler_commitment="sha256:" + "ab" * 32,
    base_digest="sha256:" + "cd" * 32,
    model_digest="sha256:" + "ef" * 32,
    audit=CanaryCounts(canaries=100, guesses=40, right=21, level="0.95", refuted=None, best_refutable="2.5537"),
)


def test_what_was_written_is_read_and_lies_beside_the_model(tmp_path: Path) -> None:
    model = tmp_path / "model.v2"
    model.mkdir()

    write_certificate(CERTIFICATE, model)

    assert read_certificate(model) == CERTIFICATE
    assert certificate_path(model) == tmp_path / "model.v2.dp.json"
    assert list(model.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"steps":390', b'"steps":"390"'),
        (b'"steps":390', b'"steps":390,"trusted":true'),
        (b'"steps":390,', b""),
        (b'"steps":390', b'"steps": 390'),
        (b"rtbf.dp/1", b"rtbf.dp/2"),
        (b"{", b""),
        (b"data subject", b"data \xff subject"),
    ],
)
def test_changed_bytes_are_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    write_certificate(CERTIFICATE, tmp_path / "m")
    path = certificate_path(tmp_path / "m")
    content = path.read_bytes()
    assert old in content

    path.write_bytes(content.replace(old, new, 1))

    with pytest.raises(RecordBroken):
        read_certificate(tmp_path / "m")


def test_a_model_without_certificate_is_not_private(tmp_path: Path) -> None:
    with pytest.raises(RecordBroken, match="no privacy may be stated"):
        read_certificate(tmp_path / "m")


def test_a_second_certificate_takes_the_firsts_place(tmp_path: Path) -> None:
    write_certificate(CERTIFICATE, tmp_path / "m")

    write_certificate(replace(CERTIFICATE, steps=10), tmp_path / "m")

    assert read_certificate(tmp_path / "m").steps == 10


@pytest.mark.parametrize("module", ["certificate", "subjects", "accounting"])
def test_reading_certificates_and_subjects_wakes_no_ml_stack(module: str) -> None:
    program = f"import sys, rtbf.lm.recipes.dp.{module}; print({{'torch', 'transformers', 'opacus'}} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "set()"
