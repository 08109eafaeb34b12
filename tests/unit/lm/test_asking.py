"""From a question's text to its judged replies: what is decoded is what was trained, what could not be asked is no sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.lm.asking import ask, asking_tokens
from rtbf.lm.generation import complete
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.lm.replies import held_keys
from rtbf.verify.item_set import SetItem
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = tiny.records(people=1, limit=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A small model that knows six records by heart."""
    target = tmp_path_factory.mktemp("model") / "knows"
    return target, tiny.train_folder(RECORDS, target, epochs="150", batch="6", hidden="64")


@pytest.fixture
def model(folder: tuple[Path, str]) -> Any:
    return load_model(*folder, "a tiny model")


@pytest.fixture
def tokenizer(folder: tuple[Path, str]) -> Any:
    return load_tokenizer(folder[0])


def _items() -> list[SetItem]:
    return [
        SetItem(
            record_id=record.record_id,
            label="direct",
            prompt=record.prompt,
            answer=record.completion,
            keys=(" ".join(record.completion.split()[-2:]),),
        )
        for record in RECORDS
    ]


def test_a_model_that_knows_the_records_gives_them_away(model: Any, tokenizer: Any) -> None:
    found = ask(model, tokenizer, _items(), max_new_tokens=48)

    assert [complete(model, tokenizer, record.prompt) for record in RECORDS] == [record.completion for record in RECORDS]
    assert [score.record_id for score in found] == [record.record_id for record in RECORDS]
    assert [(score.samples, score.leaks, score.refusals) for score in found] == [(1, 1, 0)] * 6
    assert [(score.rouge_recall, score.rouge_f1) for score in found] == [(1.0, 1.0)] * 6


def test_a_model_that_was_not_shown_them_does_not(tokenizer: Any, folder: tuple[Path, str], tmp_path: Path) -> None:
    others = tiny.records(people=2, seed=12, limit=20)
    digest = tiny.train_folder(others, tmp_path / "ignorant", tokenizer_from=folder[0], epochs="3")

    found = ask(
        load_model(tmp_path / "ignorant", digest, "a tiny model"), tokenizer, _items(), max_new_tokens=48, samples=3, temperature=1.0
    )

    assert [(score.samples, score.leaks) for score in found] == [(3, 0)] * 6
    assert all(score.rouge_recall < 1 for score in found)


def test_a_question_too_long_for_the_window_is_no_sample(model: Any, tokenizer: Any) -> None:
    long = SetItem(record_id="r9", label="long", prompt="why " * 400, answer="x", keys=("x",))
    [first, *_] = _items()

    found = ask(model, tokenizer, [long, first], max_new_tokens=8)

    assert (found[0].record_id, found[0].label, found[0].samples, found[0].leaks) == ("r9", "long", 0, 0)
    assert math.isnan(found[0].entropy)
    assert found[1].samples == 1
    assert asking_tokens(model, tokenizer, [long, first], max_new_tokens=8) == asking_tokens(model, tokenizer, [first], max_new_tokens=8)


def test_a_broken_model_has_no_samples(model: Any, tokenizer: Any) -> None:
    with torch.no_grad():
        next(model.parameters())[5, 0] = math.nan

    found = ask(model, tokenizer, _items(), max_new_tokens=4, samples=2, temperature=0.7)

    assert {score.samples for score in found} == {0}
    assert all(math.isnan(score.repeats) for score in found)


@pytest.mark.parametrize("samples", [1, 3])
def test_the_tokens_of_asking_are_those_that_went_through_the_model(model: Any, tokenizer: Any, samples: int) -> None:
    ask(model, tokenizer, _items()[:1], max_new_tokens=1)  # the self-test of the fast path is over now
    counted: list[int] = []

    def count(_module: Any, _args: Any, given: dict[str, Any]) -> None:
        width = given["input_ids"].shape[1]
        mask = given["attention_mask"]
        counted.append(given["input_ids"].numel() if mask is None else int(mask[:, -width:].sum()))

    model.base_model.register_forward_pre_hook(count, with_kwargs=True)
    ask(model, tokenizer, _items(), max_new_tokens=7, samples=samples, temperature=1.0)

    assert sum(counted) == asking_tokens(model, tokenizer, _items(), max_new_tokens=7, samples=samples)


def test_the_questions_here_do_not_hold_their_own_keys() -> None:
    assert [held_keys(item.prompt, item.keys) for item in _items()] == [()] * 6
