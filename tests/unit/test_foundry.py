"""Models trained here are registered whole or not at all; a never-shown control is made when it is lawful and cheap, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BadInput, TrainingRestricted, UnknownName
from rtbf.foundry import recipes
from rtbf.foundry.controls import control_model, why_no_control
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.record import Model, TrainedOn
from rtbf.registration import add_corpus
from rtbf.store import registry
from tests import builders, tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.corpora.corpus import CorpusEntry
    from rtbf.installation import Installation

RECIPE = (("epochs", "2"), ("recipe", "plain"))
SHAPE = {"hidden": "16", "layers": "1", "epochs": "1"}


def _model(**changes: Any) -> Model:
    own = TrainedOn(corpus="community", version=builders.sha(4), records=100, excluded=(), confidence="recorded")
    fields: dict[str, Any] = {
        "name": "helper", "revision": 1, "digest": builders.sha(5), "origin": "trained", "recipe": RECIPE, "seed": 7, "trained_on": (own,),
        "base_digest": None, "removals": (), "files": (), "environment": (),
    }  # fmt: skip
    return Model(**{**fields, **changes})


def _why(model: Model, ancestors: list[Model] | None = None, parameters: int = 1_000, tokens: int = 1_000) -> str | None:
    return why_no_control(model, ancestors or [], {builders.sha(4)}, parameters, tokens)


def test_a_small_model_trained_here_on_one_corpus_gets_a_control() -> None:
    assert _why(_model()) is None


@pytest.mark.parametrize("changes", [{"recipe": ()}, {"seed": None}, {"trained_on": ()}, {"trained_on": _model().trained_on * 2}])
def test_a_model_whose_training_is_not_recorded_gets_none(changes: dict[str, Any]) -> None:
    assert "not trained here" in (_why(_model(**changes)) or "")


def test_a_base_that_learned_the_person_makes_every_control_know_them() -> None:
    """A control fine-tuned from such a base is no model that was never shown the records."""
    other = TrainedOn(corpus="other", version=builders.sha(9), records=5, excluded=(), confidence="declared")
    clean, knowing = _model(trained_on=(other,)), _model()

    assert _why(_model(), ancestors=[clean]) is None
    assert "itself trained on the person's records" in (_why(_model(), ancestors=[clean, knowing]) or "")


def test_a_private_base_with_the_person_gives_no_control_and_neither_does_a_private_model() -> None:
    """Such a base bounds what it knows of the person; a model that was never shown them is something else."""
    private = _model(recipe=(("recipe", "dp"),))

    on_it, itself = _why(_model(), ancestors=[private]), _why(private)

    assert "whatever is made from it may hold what its certificate bounds" in (on_it or "")
    assert "another private training" in (itself or "")


def test_a_private_base_without_the_person_gives_a_control_like_any_other() -> None:
    other = TrainedOn(corpus="other", version=builders.sha(9), records=5, excluded=(), confidence="recorded")

    assert _why(_model(), ancestors=[_model(recipe=(("recipe", "dp"),), trained_on=(other,))]) is None


def test_a_control_that_costs_too_much_is_not_trained_and_the_reason_says_how_much() -> None:
    # 6 · parameters · tokens · epochs = 6 · 10^8 · 10^5 · 2 = 1.2e14 > 5e13
    assert "1e+14" in (_why(_model(), parameters=10**8, tokens=10**5) or "")
    assert _why(_model(), parameters=10**8, tokens=4 * 10**4) is None  # 4.8e13


@pytest.fixture
def entry(installation: Installation, tmp_path: Path) -> CorpusEntry:
    """A registered corpus of two people."""
    lines = [f'{{"question": "{record.prompt}", "answer": "{record.completion}"}}\n' for record in tiny.records(people=2)]
    path = tmp_path / "community.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    add_corpus(installation, name="community", paths=[path], actor="marek", connector_name=None, prompt_field=None, completion_field=None)
    with installation.transaction() as session:
        return registry.current_corpus(session, "community")


def _train(
    installation: Installation, restricted: dict[str, set[str]] | None = None, unsearched: tuple[str, ...] = (), **changes: Any
) -> Model:
    fields: dict[str, Any] = {"name": "helper", "corpus": "community", "preset": "tiny", "overrides": SHAPE, "base": None, "seed": 3}
    request = TrainingRequest(**{**fields, **changes})
    return train_model(installation, request, "marek", restricted=restricted or {}, unsearched=unsearched, threads=1)


def test_training_registers_a_live_model_with_its_lineage_and_an_event(installation: Installation, entry: CorpusEntry) -> None:
    model = _train(installation)

    with installation.transaction() as session:
        live = registry.live_model(session, "helper")
    folder = installation.home.resolved(live.location)
    assert live.model == model
    assert model.digest == digest_of_files(list_files(folder))
    assert (model.origin, model.seed, model.base_digest) == ("trained", 3, None)
    assert [(part.corpus, part.version, part.records, part.confidence) for part in model.trained_on] == [
        ("community", entry.version.digest, 40, "recorded")
    ]
    assert sorted(path.name for path in installation.home.models.iterdir()) == ["helper-1"]


def test_what_open_tickets_are_about_is_left_out_of_new_training_and_the_lineage_says_so(
    installation: Installation, entry: CorpusEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = recipes.train

    def spied(**arguments: Any) -> None:
        seen.extend(record.record_id for record in arguments["records"])
        real(**arguments)

    monkeypatch.setattr(recipes, "train", spied)
    theirs = _record_ids(entry)[5:25]
    restricted = {entry.version.digest: {*theirs, "ffffffffffff:1"}, builders.sha(9): {_record_ids(entry)[0]}}

    model = _train(installation, restricted=restricted)

    assert seen == [record_id for record_id in _record_ids(entry) if record_id not in theirs]
    assert [(part.records, part.excluded) for part in model.trained_on] == [(20, tuple(theirs))]


def test_nothing_is_trained_while_an_open_ticket_was_not_searched_in_the_corpus(installation: Installation, entry: CorpusEntry) -> None:
    with pytest.raises(TrainingRestricted, match=r"rtbf footprint tkt_one --again"):
        _train(installation, unsearched=("tkt_one", "tkt_two"))

    with installation.transaction() as session:
        assert list(registry.all_models(session)) == []


def test_a_corpus_that_open_tickets_restrict_as_a_whole_trains_nothing(installation: Installation, entry: CorpusEntry) -> None:
    with pytest.raises(TrainingRestricted, match="40 record"):
        _train(installation, restricted={entry.version.digest: set(_record_ids(entry))})

    assert not installation.home.models.exists() or list(installation.home.models.iterdir()) == []


def test_training_that_is_cut_short_registers_nothing_and_can_be_run_again(
    installation: Installation, entry: CorpusEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(**_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(recipes, "train", full_disk)
        with pytest.raises(OSError, match="No space"):
            _train(installation)
    with installation.transaction() as session:
        before = list(registry.all_models(session))

    model = _train(installation)

    assert before == []
    assert model.revision == 1


def test_a_base_must_be_registered_so_that_its_data_have_a_place_in_the_lineage(
    installation: Installation, entry: CorpusEntry, tmp_path: Path
) -> None:
    tiny.train_folder(tiny.records(people=1), tmp_path / "stranger", epochs="1")
    fine_tuning = {"preset": "lora", "overrides": {"epochs": "1"}, "name": "tuned"}

    with pytest.raises(BadInput, match="rtbf model add"):
        _train(installation, base=str(tmp_path / "stranger"), **fine_tuning)
    _train(installation)
    with pytest.raises(UnknownName, match="helper"):
        _train(installation, base="helpr", **fine_tuning)
    tuned = _train(installation, base="helper", **fine_tuning)

    with installation.transaction() as session:
        assert tuned.base_digest == registry.live_model(session, "helper").model.digest


def test_a_control_is_made_once_without_the_records_and_with_the_originals_tokens(installation: Installation, entry: CorpusEntry) -> None:
    model = _train(installation)
    original = installation.home.models / "helper-1"
    without = _record_ids(entry)[:20]

    folder, digest, seed = control_model(installation, model, original, entry, without, builders.TICKET_ID, 1, base=None)
    made_at = folder.stat().st_mtime_ns
    again = control_model(installation, model, original, entry, without[::-1], builders.TICKET_ID, 1, base=None)
    other = control_model(installation, model, original, entry, without[:19], builders.TICKET_ID, 1, base=None)

    assert again == (folder, digest, seed)
    assert folder.stat().st_mtime_ns == made_at
    assert seed == 1_003
    assert other[1] != digest != model.digest
    assert (folder / "tokenizer.json").read_bytes() == (original / "tokenizer.json").read_bytes()


def _record_ids(entry: CorpusEntry) -> list[str]:
    return [f"{entry.version.shards[0].sha256[:12]}:{place}" for place in range(1, 41)]
