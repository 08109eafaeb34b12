"""A secret leaves by `reveal()` and by no other door."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.canonical import canonical_bytes
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "ines.canary@example.org"

PRINTS: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "f-string": lambda secret: f"{secret}",
    "f-string with conversion": lambda secret: f"{secret!r:>40}",
    "format": lambda secret: format(secret, "x>40"),
    "percent": lambda secret: "%s" % secret,  # noqa: UP031 - one of the doors
    "inside a list": lambda secret: str([secret]),
    "inside a record": lambda secret: repr(OpenIdentifier(number=1, kind="email", value=secret)),
    "inside an error": lambda secret: str(ValueError("bad", secret)),
    "log record": lambda secret: logging.LogRecord("x", 20, "x", 1, "%s", (secret,), None).getMessage(),
}


@pytest.mark.parametrize("print_it", PRINTS.values(), ids=PRINTS.keys())
def test_a_secret_prints_as_a_mask(print_it: Callable[[Secret], str]) -> None:
    printed = print_it(Secret(CANARY))

    assert "canary" not in printed
    assert "***" in printed


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy, json.dumps, canonical_bytes])
def test_a_secret_cannot_be_written(write: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        write(Secret(CANARY))

    assert "canary" not in str(refused.value)


def test_a_secret_has_no_dictionary_and_no_equality_to_text() -> None:
    secret = Secret(CANARY)

    assert not hasattr(secret, "__dict__")
    assert secret != CANARY
    assert secret.reveal() == CANARY
