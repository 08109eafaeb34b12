"""What a start must not wake: measured in fresh interpreters, since another test may have imported torch already."""

from __future__ import annotations

import subprocess
import sys

import pytest

ML_STACK = {"torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors", "scipy"}

CHECKER_MAY_LOAD = {"rtbf", "cryptography", "rfc8785", "_cffi_backend", "_openssl"}
"""DESIGN §7: the auditor installs two packages, nothing else."""


def _packages_after(statement: str) -> set[str]:
    """Return the top names in sys.modules after `statement` in a fresh interpreter, less those of a bare start."""
    program = f"import sys; bare = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - bare))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["rtbf.api.app", "rtbf.cli.main", "rtbf.report.check.main", "rtbf.plan.card", "rtbf.pipeline"])
def test_a_start_without_models_wakes_no_ml_stack(module: str) -> None:
    loaded = _packages_after(f"import {module}")

    assert "rtbf" in loaded
    assert loaded & ML_STACK == set()


def test_reading_every_card_wakes_no_ml_stack() -> None:
    reading = "from rtbf.plan import card; card.method_cards(); card.probe_cards(); card.locator_cards(); card.connector_cards()"

    loaded = _packages_after(reading)

    assert loaded & ML_STACK == set()


def test_the_measure_sees_torch_when_it_is_there() -> None:
    loaded = _packages_after("import rtbf.unlearn.methods.npo")

    assert "torch" in loaded


def test_the_checker_needs_two_packages_only() -> None:
    loaded = _packages_after("import rtbf.report.check.main")

    assert loaded - set(sys.stdlib_module_names) <= CHECKER_MAY_LOAD


@pytest.mark.parametrize("command", ["celery", "redis", "psycopg"])
def test_the_embedded_terminal_wakes_no_service_library(command: str) -> None:
    loaded = _packages_after("import rtbf.cli.main")

    assert command not in loaded
