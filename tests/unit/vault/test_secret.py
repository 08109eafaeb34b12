"""A secret leaves by `reveal()` and by no other door."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from rtbf.evidence.canonical import canonical_bytes
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "ines.canary@example.org"

AnySecret = Secret | SecretBytes


class Shape(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    value: AnySecret


def raise_beside(value: object) -> None:
    raise ValueError("beside a local variable")


def rich_traceback_with_locals(secret: AnySecret) -> str:
    console = Console(file=io.StringIO(), width=200)
    try:
        raise_beside(secret)
    except ValueError as failed:
        console.print(Traceback.from_exception(type(failed), failed, failed.__traceback__, show_locals=True))
    return console.file.getvalue()  # type: ignore[attr-defined]


def python_traceback_with_locals(secret: AnySecret) -> str:
    try:
        raise ValueError(secret)
    except ValueError as failed:
        return "".join(traceback.TracebackException.from_exception(failed, capture_locals=True).format())


def pydantic_error(secret: AnySecret) -> str:
    class Number(BaseModel):
        value: int

    with pytest.raises(ValueError, match="value") as refused:
        Number.model_validate({"value": secret})
    return str(refused.value)


def structlog_line(secret: AnySecret) -> str:
    return str(structlog.processors.JSONRenderer()(None, "info", {"event": "x", "value": secret, "deep": [{"value": secret}]}))


PRINTS: dict[str, Callable[[AnySecret], str]] = {
    "str": str,
    "repr": repr,
    "f-string": lambda secret: f"{secret}",
    "f-string with conversion": lambda secret: f"{secret!r:>40} {secret!s} {secret!a}",
    "format": lambda secret: format(secret, "x>40"),
    "format of an attribute": "{0} {0.reveal} {0._open}".format,
    "percent": lambda secret: "%s" % secret,  # noqa: UP031 - one of the doors
    "inside a list": lambda secret: str([secret]),
    "inside a record": lambda secret: repr(OpenIdentifier(number=1, kind="email", value=secret)),  # type: ignore[arg-type]
    "inside an error": lambda secret: str(ValueError("bad", secret)),
    "log record": lambda secret: logging.LogRecord("x", 20, "x", 1, "%s", (secret,), None).getMessage(),
    "pprint": pprint.pformat,
    "rich": pretty_repr,
    "its slots, one by one": lambda secret: f"{secret} {[getattr(secret, name) for name in ('_open',)]}",
    "pydantic": lambda secret: repr(Shape(value=secret)) + str(Shape(value=secret).model_dump()),
    "pydantic error": pydantic_error,
    "structlog": structlog_line,
    "JSON with a default": lambda secret: json.dumps(secret, default=str),
    "rich traceback with locals": rich_traceback_with_locals,
    "traceback with locals": python_traceback_with_locals,
}

WRITES: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {protocol}": lambda secret, protocol=protocol: pickle.dumps(secret, protocol) for protocol in range(6)},  # type: ignore[misc]
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "JSON": json.dumps,
    "canonical JSON": canonical_bytes,
    "its state": lambda secret: secret.__getstate__(),
    "its attributes": vars,
    "a record as a dictionary": lambda secret: dataclasses.asdict(OpenIdentifier(number=1, kind="email", value=secret)),
    "iteration": list,
    "bytes": bytes,
    "length": len,
    "join": "".join,
    "addition": lambda secret: secret + "x",
    "ordering": lambda secret: secret < secret,  # noqa: PLR0124 - one of the doors
    "membership": lambda secret: "canary" in secret,
    "indexing": lambda secret: secret[0],
    "pydantic JSON": lambda secret: Shape(value=secret).model_dump_json(),
}

both = pytest.mark.parametrize("secret", [Secret(CANARY), SecretBytes(CANARY.encode())], ids=["text", "bytes"])


@both
@pytest.mark.parametrize("print_it", PRINTS.values(), ids=PRINTS.keys())
def test_a_secret_prints_as_a_mask(print_it: Callable[[AnySecret], str], secret: AnySecret) -> None:
    printed = print_it(secret)

    assert "canary" not in printed
    assert "***" in printed


@both
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_secret_cannot_be_written(write: Callable[[Any], Any], secret: AnySecret) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)) as refused:
        write(secret)

    assert "canary" not in str(refused.value)


@both
def test_equality_and_hash_are_the_objects_own_and_tell_nothing_of_the_value(secret: AnySecret) -> None:
    twin = type(secret)(secret.reveal())  # type: ignore[arg-type]

    assert secret != CANARY
    assert secret != twin
    assert secret == secret  # noqa: PLR0124 - the object is itself
    assert hash(secret) != hash(secret.reveal())
    assert secret.reveal() == twin.reveal()


def test_the_canary_would_be_seen_if_it_were_plain() -> None:
    """The doors above are real: the same value as plain text passes through each that takes text."""
    console = Console(file=io.StringIO(), width=200)
    try:
        raise_beside(CANARY)
    except ValueError as failed:
        console.print(Traceback.from_exception(type(failed), failed, failed.__traceback__, show_locals=True))

    assert "canary" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "canary" in python_traceback_with_locals(CANARY)  # type: ignore[arg-type]
    assert "canary" in pydantic_error(CANARY)  # type: ignore[arg-type]
    assert "canary" in structlog_line(CANARY)  # type: ignore[arg-type]
