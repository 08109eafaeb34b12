"""No log line repeats what a person typed, however carelessly it was logged."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from rtbf.logs import configure_logs
from rtbf.vault.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "Jo Quillfeather"
MAIL = "jo.quillfeather@example.org"
PHONE = "+1 (202) 555-0142"


@pytest.fixture(params=[True, False], ids=["json", "readable"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to standard error while logs are set up; structlog's set-up is undone afterwards."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logs(is_json=request.param, level=logging.DEBUG)
    yield stream
    structlog.reset_defaults()


@dataclass
class Careless:
    name: str = CANARY


@pytest.mark.parametrize(
    "value",
    [
        Secret(CANARY), SecretBytes(CANARY.encode()), [Secret(CANARY)], {"a": {"b": Secret(CANARY)}}, (Secret(CANARY),), Careless(),
        {"deep": [Careless()]}, ValueError(CANARY), CANARY.encode(), {Secret(CANARY)},
    ],
)  # fmt: skip
def test_a_secret_or_an_object_is_never_written_out(written: io.StringIO, value: Any) -> None:
    structlog.get_logger().info("ticket.tested", field=value, ticket="tkt_0123456789abcdef")

    assert "Quillfeather" not in written.getvalue()
    assert "tkt_0123456789abcdef" in written.getvalue()


@pytest.mark.parametrize("text", [MAIL, f"refused for {MAIL}.", f"<{MAIL}>", PHONE, f"call {PHONE} today", "0301234567", "202-555-0142"])
def test_what_looks_like_an_address_or_a_number_is_masked_wherever_it_stands(written: io.StringIO, text: str) -> None:
    log = structlog.get_logger()

    log.info("ticket.tested", field=text, deep={"list": [text]})
    log.info(text)

    said = written.getvalue()
    assert "quillfeather" not in said
    assert "0142" not in said
    assert "0301234567" not in said
    assert said.count("***") >= 3


@pytest.mark.parametrize(
    "kept",
    [
        "tkt_0123456789abcdef",
        "sha256:" + "0123456789" * 6 + "abcd",
        "2.5 s",
        "a count of 123456",
        "rtbf/0123456789abcdef",
        "127.0.0.1:8080",
    ],
)
def test_ids_digests_and_counts_stay_readable(written: io.StringIO, kept: str) -> None:
    structlog.get_logger().info("ticket.tested", field=kept)

    assert kept in written.getvalue()


def test_an_exception_is_told_by_type_and_place_and_never_by_its_words_or_variables(written: io.StringIO) -> None:
    def fails(typed: str) -> None:
        raise ValueError(typed)

    try:
        fails(CANARY)
    except ValueError as error:
        structlog.get_logger().error("ticket.stopped", exc_info=True)
        structlog.get_logger().error("ticket.stopped", exc_info=error)
        structlog.get_logger().exception("ticket.stopped")

    said = written.getvalue()
    assert "Quillfeather" not in said
    assert said.count("ValueError") == 3
    assert said.count("fails") >= 3


def test_a_line_stays_one_json_object_with_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logs(is_json=True)

    structlog.get_logger().info("stage.finished", ticket="tkt_1", elapsed_s=8, verdict=None, is_last=True)
    structlog.reset_defaults()

    line = json.loads(stream.getvalue())
    told = {key: line[key] for key in ("event", "level", "ticket", "elapsed_s", "verdict", "is_last")}
    assert told == {"event": "stage.finished", "level": "info", "ticket": "tkt_1", "elapsed_s": 8, "verdict": None, "is_last": True}


def test_a_very_long_text_is_cut(written: io.StringIO) -> None:
    structlog.get_logger().info("ticket.tested", field="x" * 100_000)

    assert len(written.getvalue()) < 3_000
