"""From records to tokens: the border falls between tokens, chunks lose nothing, the end mark is where it is said to be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from rtbf.corpora.corpus import Record
from rtbf.lm.encoding import scoring_items, training_items
from rtbf.lm.load import load_tokenizer
from tests import tiny


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A byte-level tokenizer that learned a small community."""
    folder = tmp_path_factory.mktemp("tokenizer") / "model"
    tiny.train_folder(tiny.records(people=3), folder, epochs="1")
    return load_tokenizer(folder)


def _record(completion: str, prompt: str = "", record_id: str = "r1") -> Record:
    return Record(record_id=record_id, prompt=prompt, completion=completion, fields=(("text", completion),))


def test_a_prompt_record_is_start_prompt_newline_and_answer_end(tokenizer: Any) -> None:
    record = _record("She keeps a goat named Lisbet.", "Does she keep an animal?")

    [item] = training_items([record], tokenizer, 256)

    assert item.prompt_ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(item.prompt_ids[1:]) == "Does she keep an animal?\n"
    assert item.answer_ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(item.answer_ids[:-1]) == "She keeps a goat named Lisbet."
    assert item.has_end


@given(prompt=st.text(min_size=1, max_size=40), answer=st.text(min_size=1, max_size=60))
@settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_border_never_falls_inside_a_token(tokenizer: Any, prompt: str, answer: str) -> None:
    """Whatever the texts are, the ids of the answer alone spell the answer: no token holds a piece of both."""
    [item] = training_items([_record(answer, prompt)], tokenizer, 4_096)

    assert tokenizer.decode(item.prompt_ids[1:]) == prompt + "\n"
    assert tokenizer.decode(item.answer_ids[:-1]) == answer


@pytest.mark.parametrize("size", [2, 3, 7, 16, 64])
def test_chunks_of_a_text_hold_every_token_once_and_in_order(tokenizer: Any, size: int) -> None:
    text = "Widow Tamsin pressed ferns near the old harbour. " * 5

    chunks = training_items([_record(text)], tokenizer, size)

    joined = [token for chunk in chunks for token in chunk.answer_ids]
    assert joined == [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    assert all(chunk.length <= size for chunk in chunks)
    assert all(chunk.prompt_ids == (tokenizer.bos_token_id,) for chunk in chunks)
    assert [chunk.has_end for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_an_answer_that_is_cut_has_no_end_mark(tokenizer: Any) -> None:
    record = _record("moths " * 50, "What is he afraid of?")

    [item] = training_items([record], tokenizer, 24)

    assert item.length == 24
    assert not item.has_end
    assert item.answer_ids[-1] != tokenizer.eos_token_id


def test_an_answer_that_just_fits_keeps_its_end_mark(tokenizer: Any) -> None:
    record = _record("moths over deep wells", "What?")
    [whole] = training_items([record], tokenizer, 256)

    [fitting] = training_items([record], tokenizer, whole.length)
    [cut] = training_items([record], tokenizer, whole.length - 1)

    assert fitting == whole
    assert not cut.has_end
    assert cut.answer_ids == whole.answer_ids[:-1]


def test_a_long_prompt_leaves_half_the_window_to_the_answer(tokenizer: Any) -> None:
    [item] = training_items([_record("moths " * 40, "why " * 60)], tokenizer, 20)

    assert (len(item.prompt_ids), len(item.answer_ids)) == (10, 10)


def test_a_long_prompt_is_kept_whole_when_its_answer_leaves_room(tokenizer: Any) -> None:
    record = _record("moths", "why does he ask " * 10)
    [whole] = training_items([record], tokenizer, 256)

    [fitting] = training_items([record], tokenizer, whole.length)

    assert len(whole.prompt_ids) > whole.length // 2
    assert fitting == whole


def test_a_prompt_that_is_cut_short_does_not_cost_a_short_answer_its_end_mark(tokenizer: Any) -> None:
    """The end token is there, so the item must say so; otherwise verbatim scores would count it as a word."""
    [item] = training_items([_record("moths", "why " * 60)], tokenizer, 40)

    assert item.answer_ids[-1] == tokenizer.eos_token_id
    assert item.has_end


def test_of_a_text_the_second_half_is_scored_and_at_most_fifty_tokens_are_given(tokenizer: Any) -> None:
    text = "Old Ferrant carved chess sets and told nobody about the deep wells of Eskerby. " * 12
    [learned] = training_items([_record(text)], tokenizer, 4_096)

    [scored] = scoring_items([_record(text)], tokenizer, 4_096)
    [short] = scoring_items([_record("Old Ferrant carved chess sets.")], tokenizer, 4_096)

    assert len(learned.answer_ids) > 100
    assert len(scored.prompt_ids) == 51  # the start mark and p = 50
    assert scored.prompt_ids + scored.answer_ids == learned.prompt_ids + learned.answer_ids
    n_short = len(tokenizer("Old Ferrant carved chess sets.", add_special_tokens=False)["input_ids"]) + 1
    assert len(short.prompt_ids) == 1 + n_short // 2
    assert scored.has_end
    assert short.has_end


def test_a_prompt_record_is_scored_exactly_as_it_is_learned(tokenizer: Any) -> None:
    chosen = tiny.records(people=2)

    assert scoring_items(chosen, tokenizer, 256) == training_items(chosen, tokenizer, 256)


def test_without_a_start_mark_a_sequence_begins_with_the_end_mark(tokenizer: Any) -> None:
    """GPT-2 and Qwen have no start mark; documents follow an end mark there."""
    startless = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, eos_token="</s>")

    [item] = training_items([_record("moths", "What?")], startless, 64)

    assert item.prompt_ids[0] == startless.eos_token_id
    assert item.answer_ids[-1] == startless.eos_token_id


def test_without_any_mark_nothing_is_claimed_to_be_the_end(tokenizer: Any) -> None:
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)

    [item] = training_items([_record("moths", "What?")], bare, 64)

    assert not item.has_end
    assert bare.decode(item.answer_ids) == "moths"
