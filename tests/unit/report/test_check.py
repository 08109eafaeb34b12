"""The offline checker: what it accepts, what it refuses at which step, and what it leaves open."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import pae, sign_envelope
from rtbf.evidence.keys import key_id
from rtbf.report.bundle import MAX_ENVELOPE_BYTES
from rtbf.report.check.main import main
from rtbf.report.check.outcome import outcome_as_text
from rtbf.report.check.run import STEPS, check_report
from rtbf.report.statement import build_statement
from tests import builders

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.report.check.outcome import CheckOutcome

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def _refusing_step(outcome: CheckOutcome) -> str | None:
    return None if outcome.refusal is None else outcome.refusal.step


def _forged(change: Any) -> bytes:
    """Return an envelope whose signer, with the right key, signs a statement that `change` has altered in place."""
    statement = build_statement(builders.case())
    change(statement)
    return builders.signed(statement)


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    """The unlearned model's folder as it was audited."""
    folder = tmp_path / "artefact"
    folder.mkdir()
    for name, content in builders.artefact_files().items():
        (folder / name).write_bytes(content)
    return folder


def test_a_good_report_is_accepted_with_its_verdict_class_and_claim(good_envelope: bytes, good_trust: bytes, artefact: Path) -> None:
    outcome = check_report(good_envelope, good_trust, artefact=artefact)

    assert outcome.status == "ok"
    assert [step.status for step in outcome.steps] == ["ok"] * 7 + ["not decided"] * 5
    assert (outcome.verdict, outcome.award, outcome.ticket_id) == ("PASS", "approximate", "tkt_01test")
    assert outcome.claim is not None
    assert outcome.claim.startswith("On F1, F2, F3")


def test_files_that_were_not_handed_over_are_not_decided(good_envelope: bytes, good_trust: bytes) -> None:
    outcome = check_report(good_envelope, good_trust)

    assert outcome.status == "ok"
    assert [step.status for step in outcome.steps[5:]] == ["ok", *["not decided"] * 6]


def test_a_refused_report_shows_no_verdict(good_envelope: bytes) -> None:
    other = builders.trust(NEW_YEAR, Ed25519PrivateKey.from_private_bytes(bytes(32)))

    outcome = check_report(good_envelope, other)

    assert (outcome.verdict, outcome.award, outcome.claim, outcome.ticket_id) == (None, None, None, None)


def test_a_report_refused_at_a_late_step_shows_its_ids_and_no_verdict(good_envelope: bytes, good_trust: bytes, artefact: Path) -> None:
    """Somebody would quote the verdict without the refusal."""
    (artefact / "extra").write_bytes(b"")

    outcome = check_report(good_envelope, good_trust, artefact=artefact)

    assert _refusing_step(outcome) == "files"
    assert (outcome.verdict, outcome.award, outcome.claim) == (None, None, None)
    assert (outcome.report_id, outcome.ticket_id) == ("rep_01test", "tkt_01test")
    assert "PASS" not in outcome_as_text(outcome)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"payload":"","payload":"","payloadType":"","signatures":[]}', "names a key twice"),
        (b'{"payload":NaN}', "no plain integer"),
        (b'{"payload":Infinity}', "no plain integer"),
        (b'{"payload":1.5}', "no plain integer"),
        (b'{"payload":9007199254740993}', "beyond"),
        (b'{"payload":' + b"9" * 5000 + b"}", "beyond"),
        (b'{"payload":"\\ud800"}', "surrogate"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b'"' + b'\\"' * 100_000, "not JSON"),
        (b"null", "not an object"),
        (b" " * (MAX_ENVELOPE_BYTES + 1), "larger than"),
    ],
)
def test_malformed_files_are_refused_at_the_first_step(raw: bytes, found: str, good_trust: bytes) -> None:
    outcome = check_report(raw, good_trust)

    assert _refusing_step(outcome) == "form"
    assert found in str(outcome.refusal)
    assert [step.status for step in outcome.steps] == ["failed", *["not decided"] * 11]


def test_a_pdf_in_the_envelopes_place_is_told_where_it_belongs(good_trust: bytes) -> None:
    outcome = check_report(b"%PDF-1.7 and so on", good_trust)

    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert outcome.refusal.step == "form"
    assert "--pdf" in str(outcome.refusal)


def test_a_reformatted_envelope_is_refused(good_envelope: bytes, good_trust: bytes) -> None:
    pretty = json.dumps(json.loads(good_envelope), indent=2).encode()

    outcome = check_report(pretty, good_trust)

    assert _refusing_step(outcome) == "form"


def test_every_truncation_is_refused(good_envelope: bytes, good_trust: bytes) -> None:
    lengths = [*range(0, len(good_envelope), 997), len(good_envelope) - 1]

    statuses = {check_report(good_envelope[:length], good_trust).status for length in lengths}

    assert statuses == {"bad"}


def test_another_key_is_refused(good_envelope: bytes) -> None:
    other = builders.trust(NEW_YEAR, Ed25519PrivateKey.from_private_bytes(bytes(32)))

    outcome = check_report(good_envelope, other)

    assert _refusing_step(outcome) == "signature"
    assert outcome.status == "bad"


def test_another_signer_under_the_trusted_key_id_is_refused(good_trust: bytes) -> None:
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))
    payload = canonical_bytes(build_statement(builders.case()))
    forged = canonical_bytes(sign_envelope(thief, key_id(builders.signing_key().public_key()), payload))

    outcome = check_report(forged, good_trust)

    assert _refusing_step(outcome) == "signature"


def test_a_second_signature_is_refused(good_envelope: bytes, good_trust: bytes) -> None:
    doubled = json.loads(good_envelope)
    doubled["signatures"] *= 2

    outcome = check_report(canonical_bytes(doubled), good_trust)

    assert _refusing_step(outcome) == "signature"


def test_a_swapped_payload_type_is_refused_even_when_signed(good_envelope: bytes, good_trust: bytes) -> None:
    key = builders.signing_key()
    swapped = json.loads(good_envelope)
    swapped["payloadType"] = "application/json"
    signed_as_other = dict(swapped)
    payload = canonical_bytes(build_statement(builders.case()))
    signature = builders.base64_text(key.sign(pae("application/json", payload)))
    signed_as_other["signatures"] = [{"keyid": key_id(key.public_key()), "sig": signature}]

    outcomes = [check_report(canonical_bytes(envelope), good_trust) for envelope in (swapped, signed_as_other)]

    assert [_refusing_step(outcome) for outcome in outcomes] == ["signature", "signature"]
    assert "another type" in str(outcomes[1].refusal)


@pytest.mark.parametrize("field", ["_type", "predicateType"])
def test_an_unknown_statement_version_cannot_be_decided(field: str, good_trust: bytes) -> None:
    forged = _forged(lambda statement: statement.update({field: statement[field].replace("/v1", "/v9").replace("/v6", "/v9")}))

    outcome = check_report(forged, good_trust)

    assert outcome.status == "cannot decide"
    assert (_refusing_step(outcome), outcome.steps[2].status) == ("signature", "not decided")


@pytest.mark.parametrize(
    "changes",
    [{"role": "pdf-signer"}, {"alg": "rsa"}],
)
def test_a_key_without_the_right_to_sign_is_refused(changes: dict[str, Any], good_envelope: bytes) -> None:
    outcome = check_report(good_envelope, builders.trust(NEW_YEAR, **changes))

    assert (outcome.status, _refusing_step(outcome)) == ("bad", "signature")


@pytest.mark.parametrize(
    ("since", "changes"),
    [
        (datetime(2026, 3, 3, tzinfo=UTC), {}),
        (NEW_YEAR, {"not_after": "2026-03-02T11:59:59.999Z"}),
        (NEW_YEAR, {"revoked_at": "2026-02-01T00:00:00.000Z"}),
        # Revoked after the stated time: nothing shows that the time is true.
        (NEW_YEAR, {"revoked_at": "2026-12-01T00:00:00.000Z"}),
    ],
)
def test_a_key_outside_its_window_or_revoked_is_refused(since: datetime, changes: dict[str, Any], good_envelope: bytes) -> None:
    outcome = check_report(good_envelope, builders.trust(since, **changes))

    assert (outcome.status, _refusing_step(outcome)) == ("bad", "time")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b'{"version":2,"issued":"","keys":[]}', b'{"version":1,"issued":"x","keys":[{}]}', b'{"version":1.0}'],
)
def test_an_unusable_trust_file_cannot_decide(raw: bytes, good_envelope: bytes) -> None:
    outcome = check_report(good_envelope, raw)

    assert (outcome.status, _refusing_step(outcome)) == ("cannot decide", "trust")


@pytest.mark.parametrize(
    "changes",
    [{"spki": "AAAA"}, {"spki": "é"}, {"not_before": "yesterday"}, {"not_before": "0001-01-01T00:00:00+14:00"}, {"extra": "x"}],
)
def test_a_malformed_trusted_key_cannot_decide(changes: dict[str, Any], good_envelope: bytes) -> None:
    outcome = check_report(good_envelope, builders.trust(NEW_YEAR, **changes))

    assert outcome.status == "cannot decide"


def _flip_verdict(statement: Any) -> None:
    statement["predicate"]["verdict"]["status"] = "FAIL"


def _praise(statement: Any) -> None:
    statement["predicate"]["verdict"]["claim"] = "The data are gone for good."


def _widen_margin(statement: Any) -> None:
    statement["predicate"]["probes"][1]["margin"] = "0.900000"


def _drop_probe(statement: Any) -> None:
    statement["predicate"]["probes"].pop()


def _leak(statement: Any) -> None:
    statement["predicate"]["probes"][0]["witnesses"] = 3


def _narrow_level(statement: Any) -> None:
    statement["predicate"]["probes"][1]["interval"]["level"] = "0.10"


def _hide_limits(statement: Any) -> None:
    statement["predicate"]["limitations"] = []


def _hide_untested(statement: Any) -> None:
    statement["predicate"]["not_tested"] = []


def _hide_residuals(statement: Any) -> None:
    statement["predicate"]["residuals"] = []


def _swap_file(statement: Any) -> None:
    statement["subject"][0]["digest"]["sha256"] = "00" * 32


def _leave_folder(statement: Any) -> None:
    statement["subject"][0]["name"] = "../config.json"


def _repeat_file(statement: Any) -> None:
    statement["subject"].append(statement["subject"][0])


def _measure_others(statement: Any) -> None:
    statement["predicate"]["measured"]["arms"][1]["digest"] = builders.sha(77)


def _leave_out_control(statement: Any) -> None:
    statement["predicate"]["measured"]["arms"].pop()


def _not_a_number(statement: Any) -> None:
    statement["predicate"]["probes"][0]["estimate"] = "NaN"


def _impossible_p(statement: Any) -> None:
    statement["predicate"]["probes"][0]["p_leak"] = "1.5"


def _extra_field(statement: Any) -> None:
    statement["predicate"]["note"] = "all is well"


def _missing_field(statement: Any) -> None:
    del statement["predicate"]["trail"]


def _wrong_type(statement: Any) -> None:
    statement["predicate"]["report"]["attempt"] = "1"


def _number_as_truth(statement: Any) -> None:
    statement["predicate"]["plan"]["adapter"]["is_merged"] = 1


def _ask_weaker(statement: Any) -> None:
    statement["predicate"]["plan"]["class_requested"] = "suppression"


@pytest.mark.parametrize(
    "lie",
    [
        _flip_verdict, _praise, _widen_margin, _drop_probe, _leak, _narrow_level, _hide_limits,
        _hide_untested, _hide_residuals, _swap_file, _leave_folder, _repeat_file, _measure_others, _leave_out_control, _not_a_number,
        _impossible_p, _extra_field, _missing_field, _wrong_type, _number_as_truth, _ask_weaker,
    ],
)  # fmt: skip
def test_a_lie_signed_with_the_right_key_is_refused(lie: Any, good_trust: bytes) -> None:
    forged = _forged(lie)

    outcome = check_report(forged, good_trust)

    assert (outcome.status, _refusing_step(outcome)) == ("bad", "content")


def test_a_fail_verdict_is_a_good_report(good_trust: bytes) -> None:
    leaking = (builders.leaking_probe("F1", witnesses=2), builders.leaking_probe("F2"), builders.probe_result("U1"))

    outcome = check_report(builders.envelope(builders.case(leaking)), good_trust)

    assert (outcome.status, outcome.verdict, outcome.award) == ("ok", "FAIL", "none")


def test_an_unknown_verdict_rule_cannot_be_decided(good_trust: bytes) -> None:
    forged = _forged(lambda statement: statement["predicate"]["verdict"].update(rule="rtbf.verdict/3"))

    outcome = check_report(forged, good_trust)

    assert outcome.status == "cannot decide"


def test_a_payload_that_is_not_canonical_is_refused(good_trust: bytes) -> None:
    key = builders.signing_key()
    payload = json.dumps(build_statement(builders.case()), indent=1).encode()
    forged = canonical_bytes(sign_envelope(key, key_id(key.public_key()), payload))

    outcome = check_report(forged, good_trust)

    assert _refusing_step(outcome) == "content"


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'{"a":1,"a":2}', b'{"a":0.5}', b"[" * 10_000, b"\xff"])
def test_a_signed_payload_that_is_no_strict_json_object_is_refused(payload: bytes, good_trust: bytes) -> None:
    key = builders.signing_key()
    forged = canonical_bytes(sign_envelope(key, key_id(key.public_key()), payload))

    outcome = check_report(forged, good_trust)

    assert (outcome.status, _refusing_step(outcome)) == ("bad", "signature")


@pytest.mark.parametrize("issued", [None, 5, "", "2026-13-02T12:00:00.000Z", "2026-03-02T12:00:00+00:00", "now"])
def test_a_time_of_issue_that_is_no_time_is_refused(issued: Any, good_trust: bytes) -> None:
    forged = _forged(lambda statement: statement["predicate"]["report"].update(issued_at=issued))

    outcome = check_report(forged, good_trust)

    assert (outcome.status, _refusing_step(outcome)) == ("bad", "time")


def test_a_swapped_artefact_file_is_refused(good_envelope: bytes, good_trust: bytes, artefact: Path) -> None:
    (artefact / "model.safetensors").write_bytes(b"not really weightz")

    outcome = check_report(good_envelope, good_trust, artefact=artefact)

    assert (outcome.status, _refusing_step(outcome)) == ("bad", "files")


@pytest.mark.parametrize("extra", ["adapter.safetensors", "sub/adapter.safetensors"])
def test_an_extra_artefact_file_is_refused(extra: str, good_envelope: bytes, good_trust: bytes, artefact: Path) -> None:
    (artefact / extra).parent.mkdir(exist_ok=True)
    (artefact / extra).write_bytes(b"")

    outcome = check_report(good_envelope, good_trust, artefact=artefact)

    assert _refusing_step(outcome) == "files"


def test_a_missing_artefact_file_is_refused(good_envelope: bytes, good_trust: bytes, artefact: Path) -> None:
    (artefact / "config.json").unlink()

    outcome = check_report(good_envelope, good_trust, artefact=artefact)

    assert _refusing_step(outcome) == "files"


def test_a_folder_behind_a_link_counts_as_extra(good_envelope: bytes, good_trust: bytes, artefact: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (artefact / "linked").symlink_to(tmp_path / "elsewhere")

    outcome = check_report(good_envelope, good_trust, artefact=artefact)

    assert _refusing_step(outcome) == "files"


def test_an_artefact_that_cannot_be_read_cannot_be_decided(good_envelope: bytes, good_trust: bytes, tmp_path: Path) -> None:
    outcome = check_report(good_envelope, good_trust, artefact=tmp_path / "nowhere")

    assert outcome.status == "cannot decide"


def test_a_pdf_without_this_envelope_is_refused(good_envelope: bytes, good_trust: bytes) -> None:
    outcomes = [
        check_report(good_envelope, good_trust, pdf=b"%PDF-1.7 stream\n" + content + b" endstream")
        for content in (good_envelope, good_envelope[:-1], b"x\x9c nothing")
    ]

    assert [outcome.status for outcome in outcomes] == ["ok", "bad", "bad"]


def test_an_inconclusive_verdict_needs_other_words_than_a_pass(good_trust: bytes) -> None:
    few = tuple(replace(probe, n_records=6) for probe in builders.passing_probes())

    outcome = check_report(builders.envelope(builders.case(few)), good_trust)

    assert outcome.verdict == "INCONCLUSIVE"
    assert outcome.claim is not None
    assert "No conclusion about compliance may be drawn" in outcome.claim


@pytest.mark.parametrize(("change", "code"), [("none", 0), ("envelope", 1), ("trust", 3), ("absent", 3)])
def test_the_exit_code_says_good_bad_or_undecided(
    change: str, code: int, good_envelope: bytes, good_trust: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, trust = tmp_path / "report.dsse.json", tmp_path / "trust.json"
    report.write_bytes(good_envelope[:-3] + b"A" + good_envelope[-2:] if change == "envelope" else good_envelope)
    trust.write_bytes(b"{}" if change == "trust" else good_trust)
    if change == "absent":
        trust.unlink()

    given = main([str(report), "--trust", str(trust)])

    assert given == code
    assert ("result     ok" in capsys.readouterr().out) == (code == 0)


def test_wrong_usage_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["report.dsse.json"])

    assert stopped.value.code == 2
    assert "--trust" in capsys.readouterr().err


def test_json_output_is_one_object_with_every_step(
    good_envelope: bytes, good_trust: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, trust = tmp_path / "report.dsse.json", tmp_path / "trust.json"
    report.write_bytes(good_envelope)
    trust.write_bytes(good_trust)

    main([str(report), "--trust", str(trust), "--json"])

    printed = json.loads(capsys.readouterr().out)
    assert (printed["status"], printed["verdict"], printed["class"]) == ("ok", "PASS", "approximate")
    assert [step["name"] for step in printed["steps"]] == list(STEPS)


def test_the_checker_starts_without_the_service_and_the_models() -> None:
    """An auditor installs cryptography and rfc8785, nothing else."""
    heavy = ("torch", "transformers", "click", "pydantic", "sqlalchemy", "typst", "structlog", "yaml", "rich")
    code = f"import sys, rtbf.report.check.main; print([name for name in {heavy!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded.strip() == "[]"
