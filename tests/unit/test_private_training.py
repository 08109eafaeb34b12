"""Recipe dp by `rtbf model train`: certified, killed and continued alike, its secret gone with its end, refused whole or not at all."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.corpora.corpus import Record
from rtbf.errors import ArtefactMismatch, BadInput, PrivacyRefuted, RecordBroken
from rtbf.evidence.canonical import digest_of
from rtbf.foundry import private
from rtbf.foundry.certificates import certificate_of
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.lm.recipes.dp import canaries
from rtbf.lm.recipes.dp.audit import made_up_canaries
from rtbf.lm.recipes.dp.certificate import certificate_path, write_certificate
from rtbf.lm.recipes.dp.subjects import canary_coins, canary_seed, units_of
from rtbf.pipeline import noise_secrets
from rtbf.registration import add_corpus
from rtbf.store import registry
from rtbf.store.ticket_keys import key_counts, make_ticket_key
from rtbf.vault.secret import SecretBytes
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.lm.record import Model

BUDGET = {
    "epsilon": "18", "delta": "0.0001", "rate": "0.1", "steps": "30", "rank": "1", "alpha": "2", "learning_rate": "0.01", "k_max": "1",
    "canaries": "20",
}  # fmt: skip
SECRET = b"\x07" * 32


class Killed(Exception):
    """The process ends here."""


@pytest.fixture
def owned(installation: Installation, tmp_path: Path) -> Installation:
    """An installation with a base, and a corpus of sixty people with one record each, and one record of two of them."""
    everything = {"others": tiny.records(people=1, seed=12), "community": tiny.records(people=3)}
    for name, records in everything.items():
        rows: list[dict[str, Any]] = [
            {"question": record.prompt, "answer": record.completion, "subject": f"Person {place}"} for place, record in enumerate(records)
        ]
        if name == "community":
            rows.append({**rows[0], "subject": ["Person 1", "Person 2"]})
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        add_corpus(installation, name=name, paths=[path], actor="marek", connector_name=None, prompt_field=None, completion_field=None)
    shape = {"hidden": "16", "layers": "1", "epochs": "1"}
    request = TrainingRequest(name="base", corpus="others", preset="tiny", overrides=shape, base=None, seed=3)
    train_model(installation, request, "marek", restricted={}, unsearched=(), threads=1)
    return installation


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is the same: a training can be compared with another only so."""
    real = make_ticket_key

    def made(session: Any, kek: Any, owner: str, now: Any) -> bytes:
        real(session, kek, owner, now)
        return SECRET

    monkeypatch.setattr(noise_secrets, "make_ticket_key", made)
    monkeypatch.setattr(noise_secrets, "ticket_key", lambda *_: SECRET)


def _train(
    installation: Installation, *, kill_at: int | None = None, base: str | None = "base", told: list[str] | None = None, **overrides: str
) -> Model:
    def progress(step: str, done: int, total: int) -> None:
        if told is not None:
            told.append(f"{step} {done}/{total}")
        if done == kill_at:
            raise Killed

    request = TrainingRequest(
        name="private", corpus="community", preset="tiny", overrides={**BUDGET, **overrides}, base=base, seed=3, recipe="dp"
    )
    return train_model(installation, request, "marek", restricted={}, unsearched=(), threads=1, progress=progress)


def _models(installation: Installation) -> list[str]:
    with installation.transaction() as session:
        return [registered.model.name for registered in registry.all_models(session)]


def _keys(installation: Installation) -> int:
    with installation.transaction() as session:
        return sum(key_counts(session).values())


def test_a_private_model_is_registered_with_its_certificate(owned: Installation) -> None:
    model = _train(owned)

    with owned.transaction() as session:
        registered = registry.live_model(session, "private")
        base = registry.live_model(session, "base").model
    found = certificate_of(owned, registered)
    recipe = dict(model.recipe)
    assert (recipe["recipe"], recipe["certificate"], model.base_digest) == ("dp", digest_of(found), base.digest)
    assert (found.subjects, found.population, found.several_subjects, found.model_digest) == (60, 80, 1, model.digest)
    assert found.audit is not None
    assert (found.audit.canaries, found.audit.guesses) == (20, 8)


def test_nothing_that_could_take_the_noise_off_is_left_when_the_training_has_ended(owned: Installation) -> None:
    before = _keys(owned)

    _train(owned)

    assert _keys(owned) == before
    assert sorted(path.name for path in owned.home.models.iterdir()) == ["base-1", "private-1", "private-1.dp.json"]


def test_two_trainings_never_share_a_secret(owned: Installation) -> None:
    first, second = _train(owned), _train(owned)

    assert first.digest != second.digest
    assert dict(first.recipe)["certificate"] != dict(second.recipe)["certificate"]


@pytest.mark.parametrize("kill_at", [1, 26, 30])
def test_killed_and_begun_again_it_ends_in_the_same_bytes(owned: Installation, secret: None, kill_at: int) -> None:
    undisturbed = _train(owned)
    with pytest.raises(Killed):
        _train(owned, kill_at=kill_at)
    assert _models(owned) == ["base", "private"]

    again = _train(owned)

    assert (again.revision, again.digest, again.recipe) == (2, undisturbed.digest, undisturbed.recipe)


def test_a_killed_training_keeps_its_own_secret_until_it_has_ended(owned: Installation) -> None:
    before = _keys(owned)
    with pytest.raises(Killed):
        _train(owned, kill_at=26)
    while_waiting = _keys(owned)

    _train(owned)

    assert (while_waiting, _keys(owned)) == (before + 1, before)


def test_another_training_in_the_place_of_a_killed_one_takes_nothing_of_it(owned: Installation) -> None:
    before = _keys(owned)
    with pytest.raises(Killed):
        _train(owned, kill_at=26)

    _train(owned, steps="31")

    assert _keys(owned) == before


def test_killed_after_its_end_it_is_registered_as_it_was_certified(owned: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its secret is gone, so it could not be made again; and it need not be."""

    def killed_after(installation: Installation, training_id: str) -> None:
        noise_secrets.destroy_noise_secret(installation, training_id)
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(private, "destroy_noise_secret", killed_after)
        with pytest.raises(Killed):
            _train(owned)
    written = certificate_path(owned.home.models / "private-1").read_bytes()

    model = _train(owned)

    assert certificate_path(owned.home.models / "private-1").read_bytes() == written
    assert (model.revision, _models(owned)) == (1, ["base", "private"])


def test_a_training_whose_audit_refutes_its_budget_is_not_registered(
    owned: Installation, secret: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _keys(owned)
    coins = canary_coins(SecretBytes(SECRET), 200)
    told = iter([[0.0] * 200, [-1.0 if is_in else 1.0 for is_in in coins]])
    monkeypatch.setattr(canaries, "canary_nats", lambda *_: next(told))

    with pytest.raises(PrivacyRefuted, match="80 of 80 guesses"):
        _train(owned, canaries="200", epsilon="2", rate="0.5", population="1000")

    assert _models(owned) == ["base"]
    assert _keys(owned) == before
    assert [path.name for path in owned.home.models.iterdir()] == ["base-1"]


def test_a_budget_of_no_use_is_refused_with_the_subjects_it_needs_and_leaves_nothing(owned: Installation) -> None:
    before = _keys(owned)

    with pytest.raises(BadInput, match=r"at least \d+ subjects"):
        _train(owned, epsilon="0.1")

    assert _models(owned) == ["base"]
    assert _keys(owned) == before
    assert [path.name for path in owned.home.models.iterdir()] == ["base-1"]


def test_it_needs_a_base(owned: Installation) -> None:
    with pytest.raises(BadInput, match="--base"):
        _train(owned, base=None)


def test_no_canary_is_named_anywhere(owned: Installation, secret: None, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    planted = made_up_canaries(20, "subject", canary_seed(SecretBytes(SECRET)))
    with caplog.at_level(logging.DEBUG):
        _train(owned, told=told)

    written = certificate_path(owned.home.models / "private-1").read_text(encoding="utf-8")
    said = "\n".join([*told, caplog.text, written, *(path.name for path in owned.home.models.rglob("*"))])
    assert "canary" not in said
    assert not [word for record in planted for word in record.completion.split() if word in said]


def test_a_certificate_that_is_missing_or_of_another_model_promises_nothing(owned: Installation) -> None:
    first = _train(owned)
    with owned.transaction() as session:
        registered = registry.live_model(session, "private")
    folder = owned.home.resolved(registered.location)
    certificate = certificate_of(owned, registered)
    _train(owned)
    with owned.transaction() as session:
        newer = registry.live_model(session, "private")

    write_certificate(certificate, owned.home.resolved(newer.location))
    certificate_path(folder).unlink()

    assert first.digest != newer.model.digest
    with pytest.raises(ArtefactMismatch, match="not its own"):
        certificate_of(owned, newer)
    with pytest.raises(RecordBroken, match="certificate"):
        certificate_of(owned, registered)


def test_a_subject_with_ten_thousand_records_counts_once_with_k_max_of_them() -> None:
    """The sampling and the clip do not see how many there were; the certificate says how many were left out."""
    own = [Record(record_id=f"a:{place}", prompt="", completion="x", fields=(("subject", "One"),)) for place in range(10_000)]
    other = Record(record_id="b:1", prompt="", completion="x", fields=(("subject", "Two"),))

    units = units_of([*own, other], "subject", 20, b"k" * 32)

    assert (len(units.records["one"]), len(units.records["two"]), units.over_cap) == (20, 1, 9_980)
