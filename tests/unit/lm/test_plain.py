"""Recipe `plain`: same seed, same bytes; other seed, other bytes; a killed training ends where an undisturbed one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from rtbf.errors import ArtefactMismatch, BadInput
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, environment, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.plain import Base, epoch_batches, recipe_parameters, train
from rtbf.lm.scoring import score_items
from rtbf.lm.training import FolderCheckpoints
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = tiny.records(people=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A model trained on one person's records, to be fine-tuned."""
    folder = tmp_path_factory.mktemp("base") / "model"
    return Base(folder=folder, digest=tiny.train_folder(RECORDS[:20], folder))


def _fine_tune(
    base: Base | None, target: Path, preset: str, seed: int = 1, checkpoint: Path | None = None, kill_at: int | None = None
) -> str:
    def progress(_step: str, done: int, _total: int) -> None:
        if done == kill_at:
            raise KeyboardInterrupt

    prepare_torch(1)
    train(
        records=RECORDS[20:],
        parameters=recipe_parameters(preset, {"epochs": "7", "learning_rate": "0.001"}),
        seed=seed,
        base=base,
        tokenizer_from=None,
        target=target,
        checkpoint=None if checkpoint is None else FolderCheckpoints(folder=checkpoint),
        progress=progress,
    )
    return digest_of_files(list_files(target))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = tiny.train_folder(RECORDS, tmp_path / "a", seed=4)
    second = tiny.train_folder(RECORDS, tmp_path / "b", seed=4)
    other = tiny.train_folder(RECORDS, tmp_path / "c", seed=5)

    assert first == second
    assert first != other


def test_a_model_trained_from_scratch_can_be_loaded_by_its_digest_and_by_no_other(tmp_path: Path) -> None:
    digest = tiny.train_folder(RECORDS, tmp_path / "a", epochs="1")

    model = load_model(tmp_path / "a", digest, "a model")

    assert not model.training
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    (tmp_path / "a" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArtefactMismatch):
        load_model(tmp_path / "a", digest, "a model")


@pytest.mark.parametrize("preset", ["full", "lora"])
def test_fine_tuning_killed_and_resumed_gives_the_bytes_of_an_undisturbed_one(tmp_path: Path, base: Base, preset: str) -> None:
    before = digest_of_files(list_files(base.folder))
    undisturbed = _fine_tune(base, tmp_path / "a", preset)
    with pytest.raises(KeyboardInterrupt):
        _fine_tune(base, tmp_path / "b", preset, checkpoint=tmp_path / "state", kill_at=18)
    is_there_already = (tmp_path / "b").exists()

    resumed = _fine_tune(base, tmp_path / "b", preset, checkpoint=tmp_path / "state")

    assert resumed == undisturbed
    assert not is_there_already
    assert not (tmp_path / "state").exists()
    assert digest_of_files(list_files(base.folder)) == before == base.digest
    assert resumed != before


def test_a_base_that_is_not_the_registered_one_is_refused(tmp_path: Path, base: Base) -> None:
    with pytest.raises(ArtefactMismatch):
        _fine_tune(Base(folder=base.folder, digest="sha256:" + "00" * 32), tmp_path / "a", "lora")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("preset", ["full", "lora"])
def test_fine_tuning_without_a_base_is_refused(tmp_path: Path, preset: str) -> None:
    with pytest.raises(BadInput, match="--base"):
        _fine_tune(None, tmp_path / "a", preset)


def test_a_control_keeps_the_originals_tokens(tmp_path: Path) -> None:
    """A tokenizer of its own would make the token-wise comparison with the original meaningless."""
    tiny.train_folder(RECORDS, tmp_path / "original", epochs="1")

    tiny.train_folder(RECORDS[20:], tmp_path / "control", tokenizer_from=tmp_path / "original", epochs="1")

    files = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("original", "control")]
    assert files[0] == files[1]


def test_scores_of_a_saved_and_loaded_model_are_those_of_the_model_in_memory(tmp_path: Path) -> None:
    digest = tiny.train_folder(RECORDS, tmp_path / "a", epochs="1")
    model = load_model(tmp_path / "a", digest, "a model")
    items = training_items(RECORDS, load_tokenizer(tmp_path / "a"), context_tokens(model))
    in_memory = score_items(model, items)
    model.save_pretrained(tmp_path / "again")

    loaded = load_model(tmp_path / "again", digest_of_files(list_files(tmp_path / "again")), "a model")

    assert score_items(loaded, items) == in_memory


def test_training_lowers_the_loss_on_what_is_trained_on(tmp_path: Path) -> None:
    digests = [tiny.train_folder(RECORDS, tmp_path / epochs, epochs=epochs) for epochs in ("1", "8")]
    models = [load_model(tmp_path / epochs, digest, "a model") for epochs, digest in zip(("1", "8"), digests, strict=True)]
    items = training_items(RECORDS, load_tokenizer(tmp_path / "1"), 256)

    little, much = (sum(sum(score.log_probs) for score in score_items(model, items)) for model in models)

    assert much > 0.8 * little  # log-probabilities are negative: the longer training lost at least a fifth
    assert much > little


@pytest.mark.parametrize(("count", "batch"), [(1, 4), (4, 4), (5, 4), (131, 4), (300, 16)])
def test_an_epoch_shows_each_item_once(count: int, batch: int) -> None:
    items = tiny.items(count)

    batches = epoch_batches(items, batch, seed=3, epoch=2)

    assert sorted(place for places in batches for place in places) == list(range(count))
    assert max(len(places) for places in batches) == min(batch, count)
    assert len(batches) == -(-count // batch)


def test_epochs_differ_in_order_and_depend_on_the_seed_and_the_epoch_alone() -> None:
    items = tiny.items(60)

    assert epoch_batches(items, 8, seed=3, epoch=0) == epoch_batches(items, 8, seed=3, epoch=0)
    assert epoch_batches(items, 8, seed=3, epoch=0) != epoch_batches(items, 8, seed=3, epoch=1)
    assert epoch_batches(items, 8, seed=3, epoch=0) != epoch_batches(items, 8, seed=4, epoch=0)


def test_the_order_in_which_parameters_are_given_makes_no_difference() -> None:
    first = recipe_parameters("tiny", {"hidden": "32", "epochs": "2"})
    second = recipe_parameters("tiny", {"epochs": "2", "hidden": "32"})

    assert first == second == tuple(sorted(first))
    assert dict(first)["hidden"] == "32"
    assert dict(first)["layers"] == "2"  # the preset's own
    assert dict(first)["recipe"] == "plain"


@pytest.mark.parametrize(
    ("preset", "overrides", "named"),
    [
        ("huge", {}, "huge"),
        ("tiny", {"heads": "2"}, "heads"),
        ("tiny", {"tune": "lora"}, "tune"),
        ("tiny", {"rank": "4"}, "rank"),
        ("lora", {"hidden": "4"}, "hidden"),
        ("tiny", {"epochs": "0"}, "epochs=0"),
        ("tiny", {"epochs": "-1"}, "epochs=-1"),
        ("tiny", {"epochs": "1.5"}, "epochs=1.5"),
        ("tiny", {"epochs": "many"}, "epochs=many"),
        ("tiny", {"epochs": ""}, "epochs="),
        ("tiny", {"learning_rate": "nan"}, "learning_rate=nan"),
        ("tiny", {"learning_rate": "inf"}, "learning_rate=inf"),
        ("tiny", {"batch": "1e400"}, "batch=1e400"),
        ("tiny", {"epochs": "2.0"}, "epochs=2.0"),
        ("tiny", {"epochs": "1e1"}, "epochs=1e1"),
        ("tiny", {"epochs": "1_0"}, "epochs=1_0"),
        ("tiny", {"epochs": " 2"}, "epochs= 2"),
        ("tiny", {"hidden": "30"}, "hidden=30"),
        ("tiny", {"hidden": "4"}, "hidden=4"),
    ],
)
def test_a_parameter_that_no_run_could_use_is_refused_by_name(preset: str, overrides: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput) as raised:
        recipe_parameters(preset, overrides)

    assert named in raised.value.found


def test_the_environment_names_what_numbers_depend_on() -> None:
    prepare_torch(1)

    found = dict(environment())

    assert found["threads"] == "1"
    assert found["deterministic"] == "true"
    assert found["torch"] == torch.__version__
    assert {"device", "dtype", "peft", "transformers"} <= set(found)
