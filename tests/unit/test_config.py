"""Settings are read once, whole, and never half-believed."""

from __future__ import annotations

import pytest

from rtbf.config import Settings, read_settings
from rtbf.errors import BadInput
from rtbf.policy import Policy
from rtbf.startup import policy_of


def test_a_grace_period_that_outlives_every_approval_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTBF_APPROVAL_VALID_DAYS", "2")
    monkeypatch.setenv("RTBF_GRACE_H", "48")

    with pytest.raises(BadInput, match="RTBF_GRACE_H reaches beyond RTBF_APPROVAL_VALID_DAYS"):
        read_settings()
    monkeypatch.setenv("RTBF_GRACE_H", "47")

    assert read_settings().grace_h == 47


def test_what_nobody_set_is_what_the_policy_itself_calls_safe() -> None:
    assert policy_of(Settings()) == Policy()
