"""Fine-tuning again from a private base: without the person, from their own bytes killed or not, with the control the paper lacks."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import Fault
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.dp.accounting import account
from rtbf.lm.recipes.dp.recipe import dp_parameters, train_dp
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.unlearn.accounted import Bounded, accounted
from rtbf.unlearn.anew import Remaining, rebuild
from rtbf.unlearn.method import PrivateBase
from rtbf.unlearn.methods import dp2unlearning
from rtbf.vault.secret import SecretBytes
from rtbf.verify.proof import read_proof
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.lm.recipes.dp.certificate import DpCertificate
    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned

PEOPLE, FORGOTTEN = 60, 3
BUDGET = {
    "epsilon": "18", "delta": "0.0001", "rate": "0.1", "steps": "30", "rank": "1", "alpha": "2", "learning_rate": "0.01", "k_max": "1",
    "canaries": "20",
}  # fmt: skip
RECORDS = [
    replace(record, fields=(*record.fields, ("subject", f"Person {max(0, place - FORGOTTEN + 1)}")))
    for place, record in enumerate(tiny.records(people=3))
]
"""The first three are about one person, and every other one about somebody else."""
FORGET, RETAIN = RECORDS[:FORGOTTEN], RECORDS[FORGOTTEN:]
RECIPE = recipe_parameters("full", {"epochs": "3", "batch": "16", "learning_rate": "0.01"})


class Killed(Exception):
    """The process ends here."""


@dataclass(frozen=True)
class Private:
    """A base, a private training on it with everybody, and the model that was fine-tuned from that and is served."""

    untrained: Base
    base: Base
    certificate: DpCertificate
    original: Path

    def bound(self, **changes: Any) -> PrivateBase:
        made = PrivateBase(
            certificate=self.certificate,
            certificate_digest=digest_of(self.certificate),
            untrained=self.untrained,
            subject_records=FORGOTTEN,
            outside_records=0,
        )
        return replace(made, **changes)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Private:
    folder = tmp_path_factory.mktemp("private")
    prepare_torch(1)
    untrained = Base(
        folder=folder / "untrained", digest=tiny.train_folder(tiny.records(people=1, seed=12), folder / "untrained", hidden="16")
    )
    certificate = train_dp(
        records=RECORDS,
        parameters=dp_parameters(BUDGET),
        seed=1,
        base=untrained,
        noise_secret=SecretBytes(b"\x07" * 32),
        target=folder / "private",
        checkpoint=None,
    )
    base = Base(folder=folder / "private", digest=certificate.model_digest)
    train(records=RECORDS, parameters=RECIPE, seed=4, base=base, tokenizer_from=None, target=folder / "served", checkpoint=None)
    return Private(untrained=untrained, base=base, certificate=certificate, original=folder / "served")


def _plan(private: Private, fraction: str = "0.5") -> Plan:
    made = tiny.plan_for("noop", digest_of_files(list_files(private.original)), FORGET, RETAIN)
    return replace(made, method="dp2unlearning", parameters=(("fraction", fraction),))


def _rebuild(
    private: Private,
    folder: Path,
    *,
    kill_at: int | None = None,
    fraction: str = "0.5",
    bound: PrivateBase | None = None,
    **changes: Any,
) -> tuple[Unlearned, Path]:
    calls = [0]

    def progress(step: str, done: int, total: int) -> None:
        calls[0] += 1
        if calls[0] == kill_at:
            raise Killed

    plan = _plan(private, fraction)
    remaining = Remaining(
        records=RETAIN, parameters=RECIPE, seed=4, base=private.base, original=private.original, withheld=(), near_duplicates=0,
        run_words=13, unaudited=(), private=bound or private.bound(),
    )  # fmt: skip
    return rebuild(plan, digest_of(plan), replace(remaining, **changes), folder, progress=progress)


def _shortened(epochs: int) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(epochs) if name == "epochs" else text) for name, text in RECIPE)


def _mean_nll(folder: Path, records: list[Any]) -> float:
    """Return the mean NLL per answer token over the records, by a forward pass of our own for each item."""
    import torch  # noqa: PLC0415 - of this reference alone

    model: Any = load_model(folder, digest_of_files(list_files(folder)), "a model")
    items = training_items(records, load_tokenizer(folder), context_tokens(model))
    nats, tokens = 0.0, 0
    for item in items:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*item.prompt_ids, *item.answer_ids]])).logits[0].double()
        log_probs = torch.log_softmax(logits, dim=-1)
        for place, token in enumerate(item.answer_ids):
            nats -= float(log_probs[len(item.prompt_ids) + place - 1, token])
        tokens += len(item.answer_ids)
    return nats / tokens


def test_the_weights_are_those_of_the_shortened_recipe_on_the_private_base(private: Private, tmp_path: Path) -> None:
    # 3 epochs by a half are 1.5, rounded up to 2.
    train(
        records=RETAIN, parameters=_shortened(2), seed=4, base=private.base, tokenizer_from=None, target=tmp_path / "never", checkpoint=None
    )

    record, served = _rebuild(private, tmp_path / "a")

    assert digest_of_files(list_files(served)) == digest_of_files(list_files(tmp_path / "never")) == record.artefact_digest
    assert (record.kind, record.stop_reason, served.name) == ("private", "recipe_ended", "private")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["private"]
    # 57 records in batches of 16 are 4 steps an epoch.
    assert record.steps == 8


def test_the_record_states_the_bound_and_counts_it_again(private: Private, tmp_path: Path) -> None:
    record, _ = _rebuild(private, tmp_path / "a")

    proof = record.proof
    assert proof is not None
    assert proof.privacy is not None
    terms = private.certificate
    counted = account(sigma=float(terms.sigma), rate=0.1, steps=30, delta=1e-4).epsilon_prv
    assert float(proof.privacy.epsilon_recomputed) == pytest.approx(counted, abs=1e-4)
    assert proof.privacy.epsilon == proof.privacy.epsilon_recomputed == terms.epsilon_prv
    assert (proof.privacy.unit, proof.privacy.subject_records, proof.privacy.outside_records) == ("data subject", 3, 0)
    assert (proof.procedure, proof.inputs, proof.forgotten_inputs) == ("plain", 57, 0)
    assert proof.recipe_digest == digest_of(list(map(list, _shortened(2))))
    assert proof.rerun is not None
    assert proof.rerun.expected == proof.rerun.found
    assert proof.privacy.audit is not None
    assert (proof.privacy.audit.canaries, proof.privacy.audit.guesses) == (20, 8)


def test_the_control_is_the_same_training_from_the_untrained_base(private: Private, tmp_path: Path) -> None:
    for name, base in (("warm", private.base), ("cold", private.untrained)):
        train(records=RETAIN, parameters=_shortened(2), seed=4, base=base, tokenizer_from=None, target=tmp_path / name, checkpoint=None)

    record, _ = _rebuild(private, tmp_path / "a")

    assert record.proof is not None
    assert record.proof.privacy is not None
    found = record.proof.privacy.warm_start
    assert found is not None
    assert (found.epochs, found.full_epochs) == (2, 3)
    # All 57 retained records are fewer than are drawn at most.
    assert float(found.private_nll_nats) == pytest.approx(_mean_nll(tmp_path / "warm", RETAIN), abs=1e-4)
    assert float(found.untrained_nll_nats) == pytest.approx(_mean_nll(tmp_path / "cold", RETAIN), abs=1e-4)


def test_a_hundred_records_are_measured_on_at_most_and_always_the_same() -> None:
    many = [replace(RECORDS[0], record_id=f"r{place}") for place in range(250)]

    drawn = dp2unlearning.drawn_records(many, 4)

    places = sorted(random.Random("warm:4").sample(range(250), 100))
    assert [record.record_id for record in drawn] == [f"r{place}" for place in places]


@pytest.mark.parametrize("kill_at", [1, 7, 9, 18, 24])
def test_a_run_that_was_killed_at_any_step_gives_the_same_record(private: Private, tmp_path: Path, kill_at: int) -> None:
    """8 steps are the training, up to 8 the stretch that is run again, and 8 the control."""
    undisturbed, _ = _rebuild(private, tmp_path / "a")
    with pytest.raises(Killed):
        _rebuild(private, tmp_path / "b", kill_at=kill_at)

    again, _ = _rebuild(private, tmp_path / "b")

    assert canonical_bytes(again) == canonical_bytes(undisturbed)


def test_no_training_is_given_a_record_to_be_forgotten(private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[set[str]] = []

    def spied(**arguments: Any) -> None:
        given.append({record.record_id for record in arguments["records"]})
        train(**arguments)

    monkeypatch.setattr(dp2unlearning, "train", spied)

    _rebuild(private, tmp_path / "a")

    # The training, the stretch of it, and the control.
    assert given == [{record.record_id for record in RETAIN}] * 3
    with pytest.raises(Fault, match="to be forgotten"):
        _rebuild(private, tmp_path / "b", records=[FORGET[0], *RETAIN])


def test_a_certificate_that_promises_less_than_its_terms_cost_is_told(private: Private, tmp_path: Path) -> None:
    lowered = replace(private.certificate, epsilon_prv="1.0000")

    record, _ = _rebuild(private, tmp_path / "a", bound=private.bound(certificate=lowered))

    assert record.proof is not None
    assert record.proof.privacy is not None
    assert record.proof.privacy.epsilon == "1.0000"
    assert float(record.proof.privacy.epsilon_recomputed) > 10
    assert "PROOF:ACCOUNTANT" in read_proof(record.proof, "dp").against


def test_an_honest_record_is_not_spoken_against(private: Private, tmp_path: Path) -> None:
    record, _ = _rebuild(private, tmp_path / "a")

    assert read_proof(record.proof, "dp").against == ()


@pytest.mark.parametrize(("fraction", "epochs"), [("0.01", 1), ("0.34", 2), ("1", 3)])
def test_the_fraction_is_rounded_up_to_whole_epochs(fraction: str, epochs: int) -> None:
    shortened, found, full = dp2unlearning.shortened_recipe(RECIPE, fraction)

    assert (found, full, dict(shortened)["epochs"]) == (epochs, 3, str(epochs))
    assert [pair for pair in shortened if pair[0] != "epochs"] == [pair for pair in RECIPE if pair[0] != "epochs"]


def test_a_bound_alone_leaves_the_weights_and_says_that_the_records_are_in_them(private: Private) -> None:
    plan = replace(tiny.plan_for("dp_certificate", private.base.digest, FORGET, RETAIN))
    bounded = Bounded(
        original=private.base.folder,
        recipe=dp_parameters(BUDGET),
        inputs=[record.record_id for record in RECORDS],
        withheld=(FORGET[0].record_id,),
        run_words=13,
        unaudited=(),
        private=private.bound(subject_records=2),
    )

    record, served = accounted(plan, digest_of(plan), bounded)

    assert (record.kind, record.artefact_digest, served) == ("accounted", private.base.digest, private.base.folder)
    assert record.proof is not None
    assert (record.proof.procedure, record.proof.inputs, record.proof.forgotten_inputs) == ("dp", 60, 2)
    assert record.proof.privacy is not None
    assert record.proof.privacy.warm_start is None
    assert math.isfinite(float(record.proof.privacy.epsilon_recomputed))
    assert read_proof(record.proof, "dp").against == ()


def test_a_bound_of_other_weights_is_never_stated(private: Private) -> None:
    plan = replace(tiny.plan_for("dp_certificate", private.untrained.digest, FORGET, RETAIN))
    bounded = Bounded(
        original=private.base.folder, recipe=(), inputs=[], withheld=(), run_words=13, unaudited=(), private=private.bound()
    )  # fmt: skip

    with pytest.raises(Fault, match="other files"):
        accounted(plan, digest_of(plan), bounded)
