"""Reports of the second version stay checkable for good. The golden one was issued by `rtbf demo` at commit da22977."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from rtbf.report.check.run import check_report

GOLDEN = Path(__file__).parents[2] / "golden" / "report-v2"
ENVELOPE, TRUST = (GOLDEN / "report.dsse.json").read_bytes(), (GOLDEN / "trust.json").read_bytes()


def test_a_report_of_the_second_version_is_accepted() -> None:
    outcome = check_report(ENVELOPE, TRUST)

    assert outcome.status == "ok"
    assert (outcome.verdict, outcome.award, outcome.report_id) == ("INCONCLUSIVE", "none", "rep_4605c6d5bf27a775")


@pytest.mark.parametrize(("old", "new"), [(b'"self-attested"', b'"well-attested"'), (b'"INCONCLUSIVE"', b'"CONCLUSIVE!!"')])
def test_a_changed_word_of_it_is_refused(old: bytes, new: bytes) -> None:
    envelope = json.loads(ENVELOPE)
    payload = base64.b64decode(envelope["payload"])
    envelope["payload"] = base64.b64encode(payload.replace(old, new)).decode()

    outcome = check_report(json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode(), TRUST)

    assert payload.count(old) > 0
    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert outcome.refusal.step == "signature"
