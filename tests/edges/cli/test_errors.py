"""Trouble at the terminal: exit codes, what is told on standard error, and what never is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from rtbf.cli.errors import run_guarded
from rtbf.errors import BadInput, DiskFull, LedgerBroken, RTBFError

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "Canary Quillfeather"


def raising(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput(found="a", expected="b", remedy="c"), 1),
        (LedgerBroken(found="a", expected="b", remedy="c"), 5),
        (DiskFull(found="a", expected="b", remedy="c"), 5),
        (click.UsageError("no such option"), 2),
        (click.exceptions.Exit(3), 3),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ZeroDivisionError(CANARY), 5),
    ],
)
def test_each_kind_of_trouble_has_its_exit_code(error: BaseException, code: int) -> None:
    command = raising(error)

    got = run_guarded(command, is_json=False)

    assert got == code


def test_a_command_that_returns_a_number_exits_with_it_and_any_other_with_zero() -> None:
    commands: list[Callable[[], object]] = [lambda: 4, lambda: None, lambda: "text"]

    codes = [run_guarded(command, is_json=False) for command in commands]

    assert codes == [4, 0, 0]


def test_an_error_tells_what_was_found_expected_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = BadInput(found="three shoes", expected="two", remedy="take one off")

    run_guarded(raising(error), is_json=False)

    output = capsys.readouterr()
    assert output.err.split() == ["bad-input:", "three", "shoes", "expected:", "two", "remedy:", "take", "one", "off"]
    assert output.out == ""


def test_with_json_an_error_is_one_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    error: RTBFError = BadInput(found="three shoes", expected="two", remedy="take one off")

    run_guarded(raising(error), is_json=True)

    output = capsys.readouterr()
    assert json.loads(output.err) == {"error": "bad-input", "found": "three shoes", "expected": "two", "remedy": "take one off"}
    assert output.out == ""


@pytest.mark.parametrize("is_json", [True, False])
def test_of_an_unforeseen_exception_only_type_and_place_are_told(
    capsys: pytest.CaptureFixture[str],
    is_json: bool,  # noqa: FBT001 - a column of the table
) -> None:
    command = raising(ZeroDivisionError(CANARY))

    run_guarded(command, is_json=is_json)

    output = capsys.readouterr()
    assert "ZeroDivisionError at test_errors.py:" in output.err
    assert "Quillfeather" not in output.err + output.out


def test_an_interrupted_command_says_that_it_can_be_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    command = raising(KeyboardInterrupt())

    run_guarded(command, is_json=False)

    assert "run it again to continue" in capsys.readouterr().err


def test_a_missing_package_names_the_extra_that_brings_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = raising(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))

    code = run_guarded(command, is_json=False)

    assert code == 1
    assert "pip install 'rtbf[ml]'" in capsys.readouterr().err


def test_a_missing_package_of_no_extra_is_a_fault_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    command = raising(ModuleNotFoundError("No module named 'quill'", name="quill"))

    code = run_guarded(command, is_json=False)

    assert code == 5
    assert "unforeseen" in capsys.readouterr().err
