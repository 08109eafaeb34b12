"""A one-time code is right when it is the one that was sent for this check, however it is typed."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.vault import one_time_code
from rtbf.vault.one_time_code import is_right_code, new_code, seal_code
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = bytes(range(32))
CODE = Secret("04711815")
SEALED = seal_code(KEY, "chk_1", CODE)


def test_a_code_is_eight_digits_with_leading_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_time_code.secrets, "randbelow", {10**8: 42}.__getitem__)

    assert new_code().reveal() == "00000042"


def test_codes_are_drawn_anew_and_cannot_be_printed() -> None:
    codes = [new_code() for _ in range(200)]

    # 200 draws of 10^8 collide with probability 200*199/2 / 10^8 = 0.0002; five or more doubles never happen.
    assert len({code.reveal() for code in codes}) > 195
    assert all(re.fullmatch(r"[0-9]{8}", code.reveal()) for code in codes)
    assert {f"{code}" for code in codes} == {"***"}


def test_what_is_stored_is_the_documented_hmac_and_no_plain_hash() -> None:
    assert hmac.new(KEY, b"rtbf.one-time-code/1\x00chk_1\x0004711815", "sha256").digest() == SEALED
    assert hashlib.sha256(b"04711815").digest() != SEALED


@pytest.mark.parametrize(
    "typed",
    ["04711815", "0471 1815", " 0471-1815\n", "04 71 18 15", "0471\u20131815", "0471\u00a01815", "٠٤٧١١٨١٥", "０４７１１８１５"],  # noqa: RUF001 - other scripts' digits are the point
)
def test_spaces_dashes_and_other_scripts_digits_do_not_count(typed: str) -> None:
    assert is_right_code(KEY, "chk_1", Secret(typed), SEALED)


@pytest.mark.parametrize(
    "typed", ["04711816", "4711815", "047118150", "", "0471181x", "x04711815", "04711815.0", "04711815\x00", "²4711815"]
)
def test_another_code_or_no_code_is_wrong(typed: str) -> None:
    assert not is_right_code(KEY, "chk_1", Secret(typed), SEALED)


def test_a_code_is_right_for_its_own_check_and_key_only() -> None:
    assert not is_right_code(KEY, "chk_2", CODE, SEALED)
    assert not is_right_code(bytes(32), "chk_1", CODE, SEALED)
    assert not is_right_code(KEY, "chk_1", CODE, SEALED[:-1])
    assert not is_right_code(KEY, "chk_1", CODE, b"")


@given(st.text(max_size=12))
def test_whatever_is_typed_gives_an_answer_and_no_error(typed: str) -> None:
    answer = is_right_code(KEY, "chk_1", Secret(typed), SEALED)

    assert answer == ("".join(c for c in typed if c in "0123456789") == "04711815" and all(c in "0123456789 -" for c in typed))


@pytest.mark.parametrize(
    ("check_id", "code"), [("chk_1", "1234567"), ("chk_1", "1234567x"), ("chk\x00", "12345678"), ("chk_1", "1234 5678")]
)
def test_what_is_no_code_is_not_sealed(check_id: str, code: str) -> None:
    with pytest.raises(ValueError, match="eight decimal digits") as refused:
        seal_code(KEY, check_id, Secret(code))

    assert code not in str(refused.value)


def test_the_comparison_is_the_constant_time_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real: Callable[[bytes, bytes], bool] = hmac.compare_digest
    monkeypatch.setattr(one_time_code.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))  # type: ignore[func-returns-value]

    is_right_code(KEY, "chk_1", Secret("11111111"), SEALED)

    assert compared == [(seal_code(KEY, "chk_1", Secret("11111111")), SEALED)]
