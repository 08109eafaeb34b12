"""What a proof of shards or of a bound says, printed and in words: every number is the record's, and what is odd stands out."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest

from rtbf.evidence.keys import key_id
from rtbf.report.pdf.proof_view import proof_words
from rtbf.report.pdf.render import render_pdf
from rtbf.report.pdf.view import printed_view
from rtbf.report.proof_words import CHANGES, audit_words, privacy_facts, shards_facts, shards_rows
from rtbf.report.statement import build_statement
from rtbf.unlearn.record import ShardChange
from tests import builders, proven, results

if TYPE_CHECKING:
    from rtbf.report.statement import Case

SIGNER = key_id(builders.signing_key().public_key())
FIRST, AGAIN, LAST = results.shards_proof().changes
OFF = replace(AGAIN, change="switched_off", after=None, first_slice=None, steps=0)
AUDIT = asdict(results.privacy_proof())["audit"]


def _shards(**changes: Any) -> dict[str, Any]:
    return asdict(results.shards_proof(**changes))


def _privacy(**changes: Any) -> dict[str, Any]:
    return asdict(results.privacy_proof(**changes))


def _view(case: Case) -> dict[str, Any]:
    return printed_view(build_statement(case), b"", SIGNER)


def test_every_change_of_a_shard_has_words() -> None:
    assert set(CHANGES) == set(get_args(get_type_hints(ShardChange)["change"]))


def test_shards_that_changed_have_a_row_and_the_others_are_counted() -> None:
    facts = dict(shards_facts(_shards(together_with=1)))

    assert shards_rows(_shards()) == [["1", "trained again", "353535353535…", "363636363636…", "2", "10"]]
    assert facts["Untouched shards"] == "2, unchanged"
    assert facts["Run again"] == "10 of 60 steps"
    assert facts["Log of what was kept"] == "50 steps; of all of them, who took part is what the remaining records give"
    assert facts["In the same run"] == "the records of 1 other ticket left too"


def test_a_shard_that_is_off_has_neither_adapter_nor_slice() -> None:
    assert shards_rows(_shards(changes=(FIRST, OFF, LAST))) == [["1", "not served any more", "353535353535…", "none", "–", "0"]]


def test_an_untouched_shard_that_changed_and_a_log_that_differs_are_not_passed_over() -> None:
    odd = _shards(changes=(replace(FIRST, after=results.sha(99)), AGAIN, LAST), differing_steps=3)

    assert [row[:2] for row in shards_rows(odd)] == [["0", "untouched"], ["1", "trained again"]]
    assert dict(shards_facts(odd))["Untouched shards"] == "2, OF WHICH 1 CHANGED"
    assert dict(shards_facts(odd))["Log of what was kept"] == "50 steps; 3 NAME OTHER PARTICIPANTS"


def test_a_shard_that_is_served_again_or_still_off_has_not_changed() -> None:
    seen = _shards(changes=(replace(FIRST, before=None), AGAIN, replace(LAST, before=None, after=None)))

    assert dict(shards_facts(seen))["Untouched shards"] == "2, unchanged, 1 of them served again, 1 of them served neither before nor now"
    assert [row[:3] for row in shards_rows(seen)] == [["0", "served again", "none"], ["1", "trained again", "353535353535…"]]


def test_a_bound_is_told_with_its_account_its_cap_and_what_lies_outside_it() -> None:
    facts = dict(privacy_facts(_privacy(outside_records=2)))

    assert facts["Bound per data subject"] == "ε 0.9987, δ 0.000001: the odds of any event change by at most a factor e^0.9987, up to δ"
    assert facts["Counted again"] == "ε 0.9986 from the certificate's terms, by opacus.prv 1.6.0"
    assert facts["Records per person"] == "the training used 20 at most, whatever their number"
    assert facts["Records of this ticket"].endswith("; 2 name others too and were left out of that training")
    assert facts["Trained on top"].startswith("3 of 6 epochs, to 0.412000 nats per token")


@pytest.mark.parametrize(
    ("audit", "ends"),
    [
        (AUDIT, "22 of 40 guesses about 100 canaries were right; at level 0.95 no ε is refuted, and it could have refuted ε up to 2.2400"),
        ({**AUDIT, "refuted": "1.5000"}, "ε up to 1.5000 is refuted, and it could have refuted ε up to 2.2400: THIS REFUTES THE BOUND"),
        ({**AUDIT, "best_refutable": "0.5000"}, "it could have refuted ε up to 0.5000: accounted, not empirically corroborated"),
        ({**AUDIT, "best_refutable": None}, "no outcome could have refuted any: accounted, not empirically corroborated"),
        (None, "none, since no canaries were planted: accounted, not empirically corroborated"),
    ],
)  # fmt: skip
def test_an_audit_says_what_it_found_and_what_it_could_have_found(audit: dict[str, Any] | None, ends: str) -> None:
    assert audit_words({**_privacy(), "audit": audit}).endswith(ends)


def test_a_bound_with_nothing_on_top_tells_of_no_training() -> None:
    assert "Trained on top" not in dict(privacy_facts(_privacy(warm_start=None)))


@pytest.mark.parametrize("case", [proven.sharded_case(), proven.private_case()], ids=["shards", "bound"])
def test_a_proof_is_printed(case: Case) -> None:
    pdf = render_pdf(build_statement(case), builders.envelope(case), SIGNER)

    assert pdf.startswith(b"%PDF-1.7")


def test_the_printed_view_has_the_proof_it_was_given_and_no_other() -> None:
    sharded, private, neither = (_view(case)["proof"] for case in (proven.sharded_case(), proven.private_case(), builders.case()))

    assert (sharded["privacy"], private["shards"]) == (None, None)
    assert sharded["shards"]["rows"] == shards_rows(_shards())
    assert [row[0] for row in private["privacy"]] == [name for name, _ in privacy_facts(_privacy())]
    assert neither == {"shards": None, "privacy": None}


def test_the_second_run_of_a_shard_names_it_and_where_no_step_was_run_there_is_none() -> None:
    off = proven.proven_case(
        replace(results.sharded_proof(changes=(FIRST, OFF, LAST), rerun_shard=None), rerun=None),
        kind="retrained", method="shard_switch_off", steps=0,
    )  # fmt: skip

    assert "Steps 11 to 20 of shard 2 were run a second time and ended in the same state." in _view(proven.sharded_case())["run"]
    assert _view(off)["run"].endswith("No step was run, so there is none to run a second time.")


def test_of_a_bound_alone_it_is_told_that_nothing_was_done_for_the_ticket() -> None:
    alone = replace(results.private_proof(warm_start=None), procedure="dp", forgotten_inputs=20, near_duplicates=None, rerun=None)

    told = proof_words(asdict(alone))

    assert "20 of those of this ticket: of these the bound speaks. Nothing was trained or taken out for it." in told
    assert "second time" not in told
    assert "were run a second time" in proof_words(asdict(replace(results.private_proof(), procedure="plain")))


def test_a_restored_base_is_told_by_what_is_served_and_not_by_inputs_that_it_did_not_have() -> None:
    proof = results.training_proof(procedure="adapter_drop", inputs=0, rerun=None, restored=results.sha(5))
    statement = build_statement(builders.case())
    statement["predicate"]["unlearned"]["proof"] = asdict(proof)

    told = printed_view(statement, b"", SIGNER)["run"]

    assert told.endswith("Nothing was trained: what is served are the files of the base 050505050505… again.")


def test_a_statement_of_an_earlier_version_has_no_word_of_shards() -> None:
    """Its proof has no such parts; the printed view of an old report must come out all the same."""
    statement = build_statement(proven.sharded_case())
    for part in ("shards", "privacy", "restored"):
        del statement["predicate"]["unlearned"]["proof"][part]

    view = printed_view(statement, b"", SIGNER)

    assert view["proof"] == {"shards": None, "privacy": None}
    assert "were run a second time" in view["run"]
