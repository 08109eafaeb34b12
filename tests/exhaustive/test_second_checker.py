"""Two checkers that share no line agree: on every golden bundle, on liars with the keys, on damaged bytes, and on the verdict's rule.

What only one of them looks at is named here: the PDF's own signature is out of the second one's reach.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.merkle import EMPTY, extend, hash_leaf, prove_consistency, prove_inclusion, root_of
from rtbf.report.bundle import write_bundle
from rtbf.report.check.run import check_archive, check_bundle, check_report
from rtbf.unlearn.record import PrivacyProof, ShardChange, ShardsProof, TrainingProof
from rtbf.verify.frozen import verdict_v1
from rtbf.verify.frozen.record_v1 import Interval as IntervalV1
from rtbf.verify.record import Interval, QualificationUse
from rtbf.verify.verdict import judge
from tests import builders, bundles, frozen_results, proven, results, second_checker
from tests.bundles import SERVICE, Told
from tests.second_checker import both_roots, climbed, verdict_on
from tests.second_verdict import check_first, check_second

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rtbf.report.statement import Case
    from rtbf.verify.frozen.record_v1 import ProbeResult as ProbeResultV1
    from rtbf.verify.record import ProbeResult

GOLDEN = Path(__file__).parent.parent / "golden"
LEAST_FOLDERS = 26
MUTANTS = 300
VERDICTS = 400
OUT_OF_REACH = {"pdf"}
BESIDE = ("second_verdict.py", "second_proof.py")
TRUST = bundles.trust_bytes()
ROOT = json.loads(second_checker.opened(TRUST, "application/vnd.rtbf.trust+json")[3])["root"]


def _first(bundle: bytes | Mapping[str, bytes], trust: bytes, root: str | None = None) -> tuple[bool, str]:
    """Return the first checker's word in the second one's form: accepted, or the step that refused."""
    check: Any = check_archive if isinstance(bundle, bytes) else check_bundle
    outcome = check(bundle, trust, root=root)
    return outcome.status == "ok", outcome.refusal.step if outcome.refusal else "accepted"


def _golden_bundles() -> list[tuple[str, bytes | dict[str, bytes], bytes, str | None]]:
    """Return every golden folder around a bundle: name, archive or files, trust file and pinned root. Nothing else is handed over."""
    found: list[tuple[str, bytes | dict[str, bytes], bytes, str | None]] = []
    for told in sorted(GOLDEN.glob("*/expected.json")):
        expected, place = json.loads(told.read_bytes()), told.parent
        here, trust = place / expected["file"], (place / "trust.json").read_bytes()
        if here.suffix == ".zip":
            found.append((place.name, here.read_bytes(), trust, expected["options"].get("root")))
        elif here.is_dir() and not any(path.is_symlink() for path in here.rglob("*")):
            files = {path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()}
            found.append((place.name, files, trust, expected["options"].get("root")))
    return found


def _put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a lie: a change of the statement's predicate at the path."""

    def change(body: dict[str, Any]) -> None:
        place = body["predicate"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _told(kind: str, **data: Any) -> list[Told]:
    return [replace(event, data={**event.data, **data}) if event.type == kind else event for event in bundles.story()]


def _swapped(first: int, second: int) -> list[Told]:
    told = bundles.story()
    told[first], told[second] = told[second], told[first]
    return told


def _of_shards(*path: Any, value: Any) -> dict[str, Any]:
    """Return a lie about a model in shards: a change of its proof at the path."""
    return {"made": proven.sharded_case(), "statement": _put("unlearned", "proof", *path, value=value)}


THIEF = builders.signing_key(bytes(32))
LIES: dict[str, dict[str, Any]] = {
    "signed by nobody we know": {"envelope_key": THIEF},
    "signed by an approver": {"envelope_key": builders.approver_key()},
    "another type": {"statement": lambda body: body.update(predicateType="https://example.org/v1")},
    "a part more": {"statement": lambda body: body["predicate"].update(note="audited")},
    "a part less": {"statement": lambda body: body["predicate"].pop("residuals")},
    "issued before the key": {"statement": _put("report", "issued_at", value="2025-12-31T23:59:59.999Z")},
    "a time in another form": {"statement": _put("report", "issued_at", value="2026-03-02T12:00:00Z")},
    "FAIL for PASS": {"statement": _put("verdict", "status", value="FAIL")},
    "another class": {"statement": _put("verdict", "class_awarded", value="exact")},
    "another cap": {"statement": _put("verdict", "class_cap", value="exact")},
    "another rule": {"statement": _put("verdict", "rule", value="rtbf.verdict/0")},
    "another finding": {"statement": _put("verdict", "findings", 0, "status", value="adverse")},
    "another p after Holm": {"statement": _put("verdict", "findings", 1, "p_leak_holm", value="0.5")},
    "a wider margin": {"statement": _put("probes", 1, "margin", value="0.9")},
    "an interval beyond the margin": {"statement": _put("probes", 1, "interval", "high", value="0.06")},
    "nothing remembered before": {"statement": _put("probes", 1, "assay", "low", value="0.01")},
    "few records": {"statement": _put("probes", 1, "n_records", value=17)},
    "a witness": {"statement": _put("probes", 1, "witnesses", value=1)},
    "a level of confidence too low": {"statement": _put("probes", 1, "interval", "level", value="0.8")},
    "a proof of nothing": {"statement": _put("unlearned", "proof", value=asdict(results.training_proof()))},
    "a record of the person among the inputs": _of_shards("forgotten_inputs", value=1),
    "another word in a proof": _of_shards("note", value="audited"),
    "shards of which one is not told of": _of_shards("shards", "shards", value=4),
    "more shards than anybody has": _of_shards("shards", "shards", value=2**53 - 1),
    "a shard that changed by itself": _of_shards("shards", "changes", 0, "after", value=builders.sha(99)),
    "steps that nobody took": _of_shards("shards", "changes", 0, "steps", value=10),
    "a shard trained from another slice": _of_shards("shards", "changes", 1, "first_slice", value=1),
    "a second run of a shard that is not there": _of_shards("shards", "rerun_shard", value=-1),
    "a second run over two slices": _of_shards("rerun", "from_step", value=9),
    "a log that names others": _of_shards("shards", "differing_steps", value=1),
    "a part without an account": {"made": proven.private_case(), "statement": _put("unlearned", "proof", "privacy", value=None)},
    "a smaller epsilon": {"made": proven.private_case(), "statement": _put("unlearned", "proof", "privacy", "epsilon", value="0.5")},
    "more right guesses than guesses": {
        "made": proven.private_case(), "statement": _put("unlearned", "proof", "privacy", "audit", "right", value=41),
    },
    "other weights": {"statement": _put("unlearned", "artefact_digest", value=builders.sha(99))},
    "another approver": {"statement": _put("approvals", 0, "actor_id", value="act_other")},
    "an approval by the planner": {"statement": _put("plan", "planned_by", value=builders.APPROVER)},
    "an approval by a decider": {"statement": _put("decisions", "deciders", value=[builders.APPROVER])},
    "an approval that lasts longer": {"statement": _put("approvals", 0, "expires_at", value="2026-05-01T08:15:00.000Z")},
    "a refusal": {"statement": _put("approvals", 0, "decision", value="rejected")},
    "no approval": {"statement": _put("approvals", value=[])},
    "a higher quorum": {"statement": _put("plan", "quorum", value=2)},
    "an approval under another key id": {"statement": _put("approvals", 0, "signature", "key_id", value=builders.sha(98))},
    "a start before the approval": {"statement": _put("quorum", "unlearning_started_at", value="2026-03-01T08:00:00.000Z")},
    "a longer grace period": {"statement": _put("plan", "grace_s", value=3600)},
    "a root of no tree": {"trail": {"root": builders.base64_text(b"\xab" * 32)}},
    "a smaller tree": {"trail": {"tree_size": 11}},
    "fewer events": {"trail": {"events": 8}},
    "another last event": {"trail": {"last_hash": "ab" * 32}},
    "another ledger": {"trail": {"log": "rtbf/fedcba9876543210"}},
    "a head by another key": {"log_key": THIEF},
    "a head of another ledger": {"origin": "rtbf/fedcba9876543210"},
    "another plan frozen": {"before": _told("plan.frozen", record=builders.sha(97))},
    "another attempt frozen": {"before": _told("plan.frozen", attempt=2)},
    "another record received": {"before": _told("ticket.received", record=builders.sha(97))},
    "another artefact told": {"before": _told("unlearning.finished", artefact=builders.sha(97))},
    "another plan approved": {"before": _told("approval.given", plan=builders.sha(97))},
    "an approval by another key told": {"before": _told("approval.given", signed_by=None)},
    "a move to nowhere": {"before": _told("footprint.completed", to="heaven")},
    "a move to a list": {"before": _told("footprint.completed", to=["planning"])},
    "a move from a number": {"before": _told("footprint.completed", **{"from": 1})},
    "the start before the approval": {"before": _swapped(8, 9)},
    "the end before the start": {"before": _swapped(9, 11)},
    "the search before the identity": {"before": _swapped(4, 5)},
    "sealed another envelope": {"seal": {"envelope": "ab" * 32}},
    "sealed another attempt": {"seal": {"attempt": 2}},
    "sealed a truth for a number": {"seal": {"attempt": True}},
    "sealed a PDF that is not there": {"seal": {"pdf": "ab" * 32}},
    "sealed a list for a PDF": {"seal": {"pdf": []}},
    "sealed an object for a token": {"seal": {"token": {}}},
    "sealed a token that is not there": {"seal": {"token": "ab" * 32}},
    "sealed more than there is": {"seal": {"note": 1}},
    "sealed as superseding": {"seal": {"supersedes": "rep_00test"}},
    "sealed twice": {"after": [bundles.sealing(builders.case(), b"another", None, None)]},
    "received twice": {"after": [Told(type="ticket.received", time="2026-03-03T00:00:00.000Z", actor=SERVICE)]},
    "a move that is none": {"after": [bundles.move("ticket.reopened", "2026-03-03T00:00:00.000Z", "closed", "locating")]},
    "a report sealed before": {"before": [*bundles.story(), bundles.sealing(builders.case(report_id="rep_00test"), b"x", None, None)]},
}  # fmt: skip
TRUTHS: dict[str, dict[str, Any]] = {
    "the plain one": {},
    "closed afterwards": {"after": [bundles.move("ticket.closed", "2026-03-03T00:00:00.000Z", "verifying", "closed")]},
    "a letter afterwards": {"after": [Told(type="notice.sent", time="2026-03-03T00:00:00.000Z", data={"to": "requester"})]},
    "a token that nobody judges": {"token": lambda _: b"stamp"},
    "a failed erasure": {"made": builders.case((builders.leaking_probe("F2"), builders.probe_result("U1")))},
    "a model in shards": {"made": proven.sharded_case()},
    "a training on a private base": {"made": proven.private_case()},
    "an undecided one": {"made": builders.case((builders.probe_result("F2", n_records=5), builders.probe_result("U1")))},
}


def test_the_second_checker_is_short_and_stands_alone() -> None:
    for place in (Path(second_checker.__file__).with_name(name) for name in ("second_checker.py", *BESIDE)):
        source = place.read_text(encoding="utf-8")

        assert len(source.splitlines()) <= 300
        assert not re.search(r"^\s*(import|from)\s+(rtbf|tests)\b", source, re.MULTILINE)
        assert "__import__" not in source
        assert "importlib" not in source
        assert [name for name in re.findall(r'with_name\("([a-z_.]*)"\)', source) if name not in BESIDE] == []


def test_both_agree_on_every_golden_bundle() -> None:
    folders = _golden_bundles()

    words = {name: (_first(bundle, trust, root), verdict_on(bundle, trust, root)) for name, bundle, trust, root in folders}

    assert len(folders) >= LEAST_FOLDERS
    assert {name: word for name, word in words.items() if word[0][0] != word[1][0] and word[0][1] not in OUT_OF_REACH} == {}
    assert any(first[0] for first, _ in words.values())


@pytest.mark.parametrize("name", TRUTHS)
def test_both_accept_what_is_true(name: str) -> None:
    bundle = bundles.bundle(**TRUTHS[name])

    words = _first(write_bundle(bundle), TRUST), verdict_on(write_bundle(bundle), TRUST, ROOT)

    assert words == ((True, "accepted"), (True, "accepted"))


@pytest.mark.parametrize("name", LIES)
def test_both_refuse_a_liar_with_the_keys(name: str) -> None:
    bundle = bundles.bundle(**LIES[name])

    first, second = _first(bundle, TRUST), verdict_on(bundle, TRUST)

    assert (first[0], second[0]) == (False, False)


CLAIMED = "the stated findings, codes or claim are not those that the numbers give"
FOREIGN: tuple[Any, ...] = (None, True, False, 0, 1, -1, 10**9, 2**53 - 1, "", "x", "0.5", "-1", builders.sha(97), [], [1], {}, {"a": 1})


def _leaves(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a JSON value, parts that hold others among them."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(part, *path, step)


@pytest.mark.parametrize("made", [proven.sharded_case(), proven.private_case()], ids=["shards", "private"])
def test_both_refuse_a_foreign_value_in_a_proof_but_for_the_words_of_its_claim(made: Case) -> None:
    """The second one reads no claim: where it accepts a changed proof that the first refuses, the claim alone is at fault."""
    honest = builders.build_statement(made)
    of_one_only, tried = set(), 0

    for path in _leaves(honest["predicate"]["unlearned"]["proof"]):
        for value in FOREIGN:
            body = json.loads(json.dumps(honest))
            _put("unlearned", "proof", *path, value=value)(body)
            first, second = check_report(builders.signed(body), TRUST), _content_holds(body)
            tried += 1
            is_about_words = second and first.refusal is not None and first.refusal.found == CLAIMED
            of_one_only |= set() if (first.status == "ok") == second or is_about_words else {(path, repr(value))}

    assert tried > 500
    assert of_one_only == set()


def _content_holds(body: dict[str, Any]) -> bool:
    try:
        second_checker.check_content(body["subject"], body["predicate"], 6)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return True


def _mutated(original: bytes, dice: random.Random) -> bytes:
    mutant = bytearray(original)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        place = dice.randrange(len(mutant))
        act = dice.randrange(4)
        if act == 0:
            mutant[place] ^= 1 << dice.randrange(8)
        elif act == 1:
            mutant[place] = dice.randrange(256)
        elif act == 2:
            mutant.insert(place, dice.randrange(256))
        else:
            del mutant[place]
    return bytes(mutant)


def test_both_refuse_every_damaged_archive() -> None:
    archive, dice = write_bundle(bundles.good_bundle()), random.Random(20260302)
    mutants = {_mutated(archive, dice) for _ in range(MUTANTS)} - {archive}

    accepted = [mutant for mutant in mutants if _first(mutant, TRUST)[0] or verdict_on(mutant, TRUST)[0]]

    assert len(mutants) > MUTANTS * 0.9
    assert accepted == []


def test_both_refuse_every_damaged_file_of_a_bundle_and_every_damaged_trust_file() -> None:
    """Past the archive: here each rule of the files' own forms is met."""
    good, dice = bundles.good_bundle(), random.Random(20260303)
    accepted, tried = [], 0

    for _ in range(MUTANTS):
        name = dice.choice(sorted(good))
        damaged = {**good, name: _mutated(good[name], dice)}
        trust = _mutated(TRUST, dice)
        tried += (damaged != good) + (trust != TRUST)
        accepted += [name for check in (_first, verdict_on) if damaged != good and check(damaged, TRUST)[0]]
        accepted += ["trust" for check in (_first, verdict_on) if trust != TRUST and check(good, trust)[0]]

    assert tried > MUTANTS
    assert accepted == []


TEXTS: tuple[str | None, ...] = ("-0.06", "-0.05", "0", "0.01", "0.05", "0.051", "0.11", "0.21", "0.4", "0.5", None)
CHANCES = ("0", "0.00001", "0.0005", "0.001", "0.01", "0.3", "1", None)


def _random_changes(probe_id: str, direction: str, dice: random.Random, interval_of: Any) -> dict[str, Any]:
    """Return fields whose numbers lie on and beside every bound of the rules, to pick some of."""
    low, high = dice.choice(TEXTS[:-1]), dice.choice(TEXTS[:-1])
    return {
        "estimate": dice.choice(TEXTS), "margin": dice.choice(("0.05", "0.05", "0", "-0.01")), "n_records": dice.choice((17, 18, 20)),
        "interval": dice.choice((None, interval_of(low=low, high=high, level=dice.choice(("0.90", "0.95", "0.89", "1"))))),
        "assay": dice.choice((None, interval_of(low="0.7", high="0.9", level="0.90"), interval_of(low="0.05", high="0.9", level="0.90"))),
        "p_leak": dice.choice(CHANCES), "p_trace": dice.choice(CHANCES), "p_attainable": dice.choice(CHANCES),
        "witnesses": dice.choice((None, 0, 0, 0, 1)), "not_applicable": dice.choice((None, None, None, "MERGED")),
        "problem": dice.choice((None, None, None, "PROBE_ERROR")), "control": dice.choice((None, "0.1")),
        "direction": direction if probe_id[0] == "U" else dice.choice(("two_sided", "lower_is_better")),
    }  # fmt: skip


def _picked(changes: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    return {name: changes[name] for name in dice.sample(sorted(changes), dice.choice((0, 0, 0, 1, 2, 5, len(changes))))}


def _first_probe(probe_id: str, dice: random.Random) -> ProbeResultV1:
    result = frozen_results.probe_result(probe_id)
    return replace(result, **_picked(_random_changes(probe_id, result.direction, dice, IntervalV1), dice))


def _second_probe(probe_id: str, dice: random.Random) -> ProbeResult:
    result = results.probe_result(probe_id)
    more = {
        "role": dice.choice(("primary", "primary", "secondary", "reported")), "n_items": dice.choice((31, 32, 40)),
        "not_applicable": dice.choice((None, None, None, "MERGED", "NO_PACK", "NO_ITEMS", "ADAPTER")),
        "problem": dice.choice((None, None, None, "PROBE_ERROR", "TIMED_OUT", "UNDERPOWERED")),
        "compared_with": dice.choice(("control models", "siblings", "chance", "before", None)),
    }  # fmt: skip
    return replace(result, **_picked({**_random_changes(probe_id, result.direction, dice, Interval), **more}, dice))


def _drawn(ids: tuple[str, ...], dice: random.Random, changed: Any, plain: Any) -> tuple[Any, ...]:
    """Return results of some of the ids: in half of the cases all plain but one."""
    is_calm = dice.random() < 0.5
    kept = [one for one in ids if is_calm or dice.random() < 0.8]
    loud = set(dice.sample(kept, min(len(kept), 1))) if is_calm else set(kept)
    return tuple(changed(one, dice) if one in loud else plain(one) for one in kept)


def _both_agree(verdict: Any, probes: tuple[Any, ...], check: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Hold the second judge to the first one's verdict, and see it refuse another."""
    said, by_id = json.loads(json.dumps(asdict(verdict))), {probe.probe_id: json.loads(json.dumps(asdict(probe))) for probe in probes}
    check(by_id, said)
    with pytest.raises(ValueError, match="content"):
        check(by_id, {**said, "status": "PASS" if verdict.status != "PASS" else "FAIL"})


def test_both_judge_random_probes_alike_by_the_first_rule() -> None:
    dice = random.Random(20260304)
    ids = ("F1", "F2", "F2.em", "F3", "F4", "F6", "R1", "R2", "R3", "R4", "R5", "R6", "U1", "U2", "U4", "U6")
    seen: dict[str, int] = {}

    for _ in range(VERDICTS):
        probes = _drawn(ids, dice, _first_probe, frozen_results.probe_result)
        asked, kind = dice.choice(("approximate", "suppression", "none")), dice.choice(("merged", "adapter", "unchanged"))
        verdict = verdict_v1.judge(probes, class_requested=asked, artefact_kind=kind)
        _both_agree(verdict, probes, lambda by_id, said, asked=asked, kind=kind: check_first(by_id, asked, kind, said))  # type: ignore[misc]
        seen[verdict.status] = seen.get(verdict.status, 0) + 1

    assert min(seen[status] for status in ("PASS", "FAIL", "INCONCLUSIVE")) > 10


def test_both_judge_random_probes_alike_by_the_second_rule() -> None:
    dice = random.Random(20261124)
    ids = tuple(probe.probe_id for probe in results.passing_probes())
    more = ("F2.em", "F4.population", "F7", "F9", "R1.cool", "R3.int8", "R6", "R8", "U3", "U6.harm", "G1", "S1", "X1")
    seen: dict[str, int] = {}

    for _ in range(VERDICTS):
        added = tuple(dice.sample(more, dice.choice((0, 0, 1, 3))))
        probes = _drawn((*ids, *added), dice, _second_probe, results.probe_result)
        asked = dice.choice(("approximate", "exact", "exact", "dp", "dp", "suppression", "none"))
        kind = dice.choice(("merged", "retrained", "retrained", "private", "accounted", "adapter", "unchanged"))
        proof = _drawn_proof(dice)
        use = dice.choice((None, QualificationUse(digest=builders.sha(30), is_in_date=dice.random() < 0.5, covers=dice.random() < 0.7)))
        verdict = judge(probes, class_requested=asked, artefact_kind=kind, qualification=use, proof=proof)
        used, shown = (None if one is None else asdict(one) for one in (use, proof))
        _both_agree(
            verdict,
            probes,
            lambda by_id, said, asked=asked, kind=kind, used=used, shown=shown: check_second(by_id, asked, kind, said, used, shown),  # type: ignore[misc]
        )
        seen[verdict.status] = seen.get(verdict.status, 0) + 1

    assert min(seen[status] for status in ("PASS", "FAIL", "INCONCLUSIVE")) > 10


def _drawn_proof(dice: random.Random) -> TrainingProof | None:
    """Return a proof of some kind of training that holds half of the time, and otherwise contradicts itself or lacks something."""
    whole = replace(
        results.training_proof(procedure=dice.choice(("plain", "plain", "sharded", "dp"))),
        shards=dice.choice((None, results.shards_proof())),
        privacy=dice.choice((None, results.privacy_proof())),
    )
    if dice.random() < 0.5:
        return whole
    again = whole.rerun
    assert again is not None
    return dice.choice(
        (
            None,
            replace(whole, forgotten_inputs=2),
            replace(whole, near_duplicates=1),
            replace(whole, near_duplicates=None),
            replace(whole, rerun=None),
            replace(whole, rerun=None, inputs=0, restored=builders.sha(35)),
            replace(whole, rerun=replace(again, found=builders.sha(34))),
            replace(whole, rerun=replace(again, found=builders.sha(34), is_bitwise=False)),
            replace(whole, shards=_drawn_shards(dice), rerun=dice.choice((again, None))),
            replace(whole, shards=_drawn_shards(dice), rerun=dice.choice((again, None))),
            replace(whole, privacy=_drawn_account(dice)),
            replace(whole, privacy=_drawn_account(dice)),
        )
    )


def _drawn_shards(dice: random.Random) -> ShardsProof:
    """Return shards of which one at least is not as it should be, or all are off."""
    digests = (None, builders.sha(52), builders.sha(53))
    changes = [
        ShardChange(
            shard=dice.choice((place, place, place, place + 1)),
            change=dice.choice(("untouched", "retrained", "switched_off", "emptied")),
            before=dice.choice(digests),
            after=dice.choice(digests),
            first_slice=dice.choice((None, 1, 2)),
            steps=dice.choice((0, 0, 10)),
        )
        for place in range(3)
    ]
    off = [replace(change, shard=place, change="switched_off", after=None, steps=0) for place, change in enumerate(changes)]
    return results.shards_proof(changes=tuple(dice.choice((changes, off))), differing_steps=dice.choice((0, 0, 3)))


def _drawn_account(dice: random.Random) -> PrivacyProof:
    """Return an account with amounts of all sorts, unreadable ones among them, and an audit that says this or that."""
    amounts = ("0.5", "0.9987", "0.99875", "1.2", "8", "-1", "nan", "inf", "", "1/2")
    audit = results.privacy_proof().audit
    assert audit is not None
    heard = replace(
        audit, refuted=dice.choice((None, "0.4", "0.9987", "3", "nan")), best_refutable=dice.choice((None, "0.5", "0.9987", "3", "x"))
    )
    return results.privacy_proof(
        epsilon=dice.choice(("0.9987", *amounts)),
        epsilon_recomputed=dice.choice(("0.9987", *amounts)),
        unit=dice.choice(("data subject", "data subject", "record")),
        audit=dice.choice((None, heard, heard)),
    )


def test_both_trees_are_one() -> None:
    """Every proof of every small tree leads where it must by the recursive definition, and to no other root."""
    for size in range(1, 18):
        leaves = [hash_leaf(bytes([number])) for number in range(size)]
        grown = extend(EMPTY, leaves)
        nodes = {(0, place): each for place, each in enumerate(leaves)} | {(level, place): each for level, place, each in grown.nodes}
        root = root_of(grown.frontier)
        for number, leaf in enumerate(leaves):
            path = list(prove_inclusion(number, size, lambda _, nodes=nodes: nodes))
            assert climbed(leaf, number, size, path) == root
            assert climbed(hash_leaf(b"other"), number, size, path) != root
        for first in range(1, size):
            older = root_of(extend(EMPTY, leaves[:first]).frontier)
            proof = list(prove_consistency(first, size, lambda _, nodes=nodes: nodes))
            assert both_roots(first, size, proof, older) == (older, root)
            assert both_roots(first, size, proof, hash_leaf(b"other")) != (hash_leaf(b"other"), root)
