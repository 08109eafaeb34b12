"""Recipe `dp`: the noise is the secret's, nothing else is; killed and resumed alike; refusals; the certificate's numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.errors import BadInput, PrivacyRefuted
from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import load_model, prepare_torch
from rtbf.lm.recipes.dp import canaries, recipe
from rtbf.lm.recipes.dp.accounting import account
from rtbf.lm.recipes.dp.certificate import DpCertificate, certificate_path, read_certificate
from rtbf.lm.recipes.dp.mechanism import Mechanism
from rtbf.lm.recipes.dp.recipe import dp_parameters, learn, loop_spec, train_dp
from rtbf.lm.recipes.dp.subjects import canary_coins, sampler_commitment, sampler_key, takes_part
from rtbf.lm.recipes.plain import Base
from rtbf.lm.training import FolderCheckpoints, by_loss, run_loop
from rtbf.vault.secret import SecretBytes
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.encoding import Item

SECRET, OTHER_SECRET = SecretBytes(b"\x07" * 32), SecretBytes(b"\x08" * 32)
VALUES = {
    "epsilon": "18",
    "delta": "0.0001",
    "rate": "0.1",
    "steps": "30",
    "rank": "1",
    "alpha": "2",
    "learning_rate": "0.01",
    "k_max": "1",
    "canaries": "0",
}
ITEMS: dict[str, list[list[Item]]] = {f"s{place}": [[item]] for place, item in enumerate(tiny.items(6))}
OFF = Mechanism(rate=1.0, clip=math.inf, noise=0.0, expected=6.0)


def _records(people: int = 60) -> list[Record]:
    """One fictitious person a record, and one record of two of them."""
    plain = tiny.records(people=3)
    named = [replace(record, fields=(*record.fields, ("subject", f"Person {place}"))) for place, record in enumerate(plain[:people])]
    pair = replace(plain[0], record_id="abcdefabcdef:9999", fields=(("subject.0", "Person 1"), ("subject.1", "Person 2")))
    return [*named, pair]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A very small model to be fine-tuned."""
    folder = tmp_path_factory.mktemp("base") / "model"
    return Base(folder=folder, digest=tiny.train_folder(tiny.records(people=1, seed=12), folder, hidden="16"))


def _train(
    base: Base | None,
    target: Path,
    records: list[Record] | None = None,
    *,
    seed: int = 1,
    secret: SecretBytes = SECRET,
    checkpoint: Path | None = None,
    kill_at: int | None = None,
    **overrides: str,
) -> DpCertificate:
    def progress(step: str, done: int, total: int) -> None:
        if done == kill_at:
            raise KeyboardInterrupt

    prepare_torch(1)
    return train_dp(
        records=_records() if records is None else records,
        parameters=dp_parameters({**VALUES, **overrides}),
        seed=seed,
        base=base,
        noise_secret=secret,
        target=target,
        checkpoint=None if checkpoint is None else FolderCheckpoints(folder=checkpoint),
        progress=progress,
    )


def _learned(
    mechanism: Mechanism,
    items: Mapping[str, Any] | None = None,
    *,
    seed: int = 1,
    secret: SecretBytes = SECRET,
    steps: int = 3,
    checkpoint: Path | None = None,
    kill_at: int | None = None,
) -> torch.Tensor:
    """Return the trained numbers of a tiny network after some steps; its start is always the same."""

    def progress(step: str, done: int, total: int) -> None:
        if done == kill_at:
            raise KeyboardInterrupt

    model: Any = attach_lora(tiny.network(), rank=2, alpha=4, seed=1)
    values = dict(dp_parameters({"steps": str(steps), "warmup_steps": "1", "learning_rate": "0.01"}))
    learn(
        model,
        ITEMS if items is None else items,
        mechanism,
        replace(loop_spec(values, seed=seed, data=[]), checkpoint_every=2),
        secret,
        checkpoint=None if checkpoint is None else FolderCheckpoints(folder=checkpoint),
        progress=progress,
    )
    return torch.cat([parameter.detach().flatten() for _, parameter in trainable(model)])


def test_without_noise_and_clip_a_training_is_the_plain_one_on_the_mean_loss() -> None:
    """The reference knows nothing of subjects: one loss over all items in one batch, by the same loop."""
    model: Any = attach_lora(tiny.network(), rank=2, alpha=4, seed=1)
    start = torch.cat([parameter.detach().flatten().clone() for _, parameter in trainable(model)])
    everything = [item for own in ITEMS.values() for record in own for item in record]

    def loss_at(_step: int) -> torch.Tensor:
        sums, counts = nll_sums(answer_logits(model, everything))
        return (sums / counts).mean()

    values = dict(dp_parameters({"steps": "4", "warmup_steps": "1", "learning_rate": "0.01"}))
    spec = loop_spec(values, seed=1, data=[])
    run_loop(spec, trainable(model), by_loss(loss_at), after_step=lambda _step, _loss: False, checkpoint=None)
    expected = torch.cat([parameter.detach().flatten() for _, parameter in trainable(model)])

    found = _learned(OFF, steps=4)

    assert float((expected - start).norm()) > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-4)


def test_a_step_nobody_takes_part_in_still_moves_the_weights_by_noise() -> None:
    empty = Mechanism(rate=1e-12, clip=1.0, noise=1.0, expected=1.0)

    without_subjects, with_absent_ones, unmoved = _learned(empty, {}), _learned(empty), _learned(replace(empty, noise=0.0))

    assert torch.equal(without_subjects, with_absent_ones)
    # AdamW's first step moves each number by about the rate whatever the gradient's size.
    assert float((without_subjects - unmoved).abs().min()) > 0
    assert float((without_subjects - unmoved).abs().max()) > 0.005


def test_noise_follows_the_secret_and_not_the_public_seed() -> None:
    empty = Mechanism(rate=1e-12, clip=1.0, noise=1.0, expected=1.0)

    one, other_seed, other_secret = _learned(empty), _learned(empty, seed=99), _learned(empty, secret=OTHER_SECRET)

    assert torch.equal(one, other_seed)
    assert not torch.isclose(one, other_secret).all()


def test_removing_a_subject_of_no_step_changes_no_bit() -> None:
    """Whoever is not drawn leaves no trace; and those who are drawn stay so."""
    mechanism = Mechanism(rate=0.3, clip=0.5, noise=0.1, expected=1.8)
    is_drawn = {subject: takes_part(sampler_key(SECRET), subject, 1, 0.3) for subject in ITEMS}
    with_all = _learned(mechanism, steps=1)

    without_each = {subject: _learned(mechanism, {key: own for key, own in ITEMS.items() if key != subject}, steps=1) for subject in ITEMS}

    assert {subject: not torch.equal(found, with_all) for subject, found in without_each.items()} == is_drawn
    assert set(is_drawn.values()) == {True, False}


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4, 5])
def test_a_training_killed_at_any_step_and_resumed_ends_in_the_same_bits(tmp_path: Path, kill_at: int) -> None:
    mechanism = Mechanism(rate=0.5, clip=0.5, noise=0.1, expected=3.0)
    undisturbed = _learned(mechanism, steps=5)
    with pytest.raises(KeyboardInterrupt):
        _learned(mechanism, steps=5, checkpoint=tmp_path / "state", kill_at=kill_at)

    resumed = _learned(mechanism, steps=5, checkpoint=tmp_path / "state")

    assert torch.equal(resumed, undisturbed)


@pytest.mark.parametrize("change", ["secret", "mechanism", "items"])
def test_a_checkpoint_of_another_secret_mechanism_or_corpus_is_ignored(tmp_path: Path, change: str) -> None:
    mechanism = Mechanism(rate=0.5, clip=0.5, noise=0.1, expected=3.0)
    _learned(mechanism, steps=4, checkpoint=tmp_path / "state")
    changes: dict[str, dict[str, Any]] = {
        "secret": {"secret": OTHER_SECRET},
        "mechanism": {"mechanism": replace(mechanism, noise=0.2)},
        "items": {"items": dict(list(ITEMS.items())[1:])},
    }
    asked: dict[str, Any] = {"mechanism": mechanism, "steps": 4, **changes[change]}

    found = _learned(**asked, checkpoint=tmp_path / "state")

    assert torch.equal(found, _learned(**asked))


def test_a_whole_training_killed_and_resumed_gives_the_same_files_and_certificate(tmp_path: Path, base: Base) -> None:
    undisturbed = _train(base, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        _train(base, tmp_path / "b", checkpoint=tmp_path / "state", kill_at=27)
    is_there_already = (tmp_path / "b").exists() or certificate_path(tmp_path / "b").exists()

    resumed = _train(base, tmp_path / "b", checkpoint=tmp_path / "state")

    assert resumed == undisturbed == read_certificate(tmp_path / "b")
    assert not is_there_already
    assert not (tmp_path / "state").exists()
    assert digest_of_files(list_files(tmp_path / "b")) == resumed.model_digest != base.digest
    load_model(tmp_path / "b", resumed.model_digest, "a private model")


def test_the_certificate_says_what_was_counted(tmp_path: Path, base: Base) -> None:
    records = [*_records(), replace(_records()[5], record_id="abcdefabcdef:8888")]

    found = _train(base, tmp_path / "a", records, population="100")

    assert (found.subjects, found.population, found.several_subjects, found.over_cap, found.own_unit_records) == (60, 100, 1, 1, 0)
    assert (found.base_digest, found.sampler_commitment) == (base.digest, sampler_commitment(SECRET))
    counted = account(sigma=float(found.sigma), rate=0.1, steps=30, delta=1e-4)
    assert float(found.epsilon_prv) == pytest.approx(counted.epsilon_prv, abs=1e-4)
    assert counted.epsilon_prv <= float(found.epsilon_prv) <= 18
    assert counted.epsilon_rdp <= float(found.epsilon_rdp)


def test_another_secret_gives_another_model_and_no_certificate_holds_a_secret(tmp_path: Path, base: Base) -> None:
    one, other = _train(base, tmp_path / "a"), _train(base, tmp_path / "b", secret=OTHER_SECRET)

    assert one.model_digest != other.model_digest
    told = certificate_path(tmp_path / "a").read_text(encoding="utf-8")
    assert SECRET.reveal().hex() not in told
    assert "person" not in told.casefold()


def test_canaries_are_planted_by_secret_coins_and_counted_in_n(tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[set[str]] = []

    def spied(model: Any, items: Mapping[str, Any], mechanism: Mechanism, *rest: Any, **more: Any) -> None:
        given.append(set(items))
        assert mechanism.expected == pytest.approx(0.1 * 80)
        learn(model, items, mechanism, *rest, **more)

    monkeypatch.setattr(recipe, "learn", spied)

    found = _train(base, tmp_path / "a", canaries="20")

    planted = {subject for subject in given[0] if subject.startswith("canary:")}
    assert planted == {f"canary:{place}" for place, is_in in enumerate(canary_coins(SECRET, 20)) if is_in}
    assert (found.subjects, found.population) == (60, 80)
    assert found.audit is not None
    assert (found.audit.canaries, found.audit.guesses, found.audit.level) == (20, 8, "0.95")
    assert "canary" not in certificate_path(tmp_path / "a").read_text(encoding="utf-8")


def test_a_training_that_its_own_audit_refutes_is_refused_and_leaves_nothing(
    tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guesses are handed the coins, as a training would that remembers every canary."""
    coins = canary_coins(SECRET, 200)
    told = [iter([[0.0] * 200, [-1.0 if is_in else 1.0 for is_in in coins]])]
    monkeypatch.setattr(canaries, "canary_nats", lambda *_: next(told[0]))

    with pytest.raises(PrivacyRefuted, match=r"80 of 80 guesses about 200 canaries right"):
        _train(base, tmp_path / "a", canaries="200", epsilon="2", rate="0.5", population="1000")

    assert list(tmp_path.iterdir()) == []


def test_too_few_subjects_are_refused_with_the_number_that_would_do(tmp_path: Path, base: Base) -> None:
    with pytest.raises(BadInput, match=r"at least \d+ subjects"):
        _train(base, tmp_path / "a", _records(people=5))

    assert list(tmp_path.iterdir()) == []


def test_a_population_below_the_subjects_found_is_refused(tmp_path: Path, base: Base) -> None:
    with pytest.raises(BadInput, match="60 subjects"):
        _train(base, tmp_path / "a", population="59")


def test_no_base_and_a_short_secret_are_refused(tmp_path: Path, base: Base) -> None:
    with pytest.raises(BadInput, match="--base"):
        _train(None, tmp_path / "a")
    with pytest.raises(BadInput, match="token_bytes"):
        _train(base, tmp_path / "a", secret=SecretBytes(b"\x07" * 31))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epsilon", "0"),
        ("epsilon", "inf"),
        ("epsilon", "8e0"),
        ("delta", "1"),
        ("rate", "1.5"),
        ("clip", "-1"),
        ("steps", "1.5"),
        ("steps", "010"),
        ("k_max", "0"),
        ("population", "many"),
        ("subject_field", " "),
        ("canaries", "19"),
        ("canaries", "00"),
        ("beta1", "0.5"),
        ("sigma", "1"),
    ],
)
def test_unknown_or_unusable_parameters_are_refused(name: str, text: str) -> None:
    with pytest.raises(BadInput, match=name):
        dp_parameters({name: text})


def test_parameters_are_sorted_and_the_sheets_by_default() -> None:
    found = dp_parameters({"population": "1000"})

    assert list(found) == sorted(found)
    assert {("recipe", "dp"), ("epsilon", "8"), ("rate", "0.064"), ("steps", "390"), ("delta", "0.000001")} <= set(found)
