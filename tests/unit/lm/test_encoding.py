"""From records to tokens: the border falls between tokens, chunks lose nothing, the end mark is where it is said to be."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from rtbf.corpora.corpus import Record
from rtbf.errors import BadInput
from rtbf.lm.encoding import choice_ids, prompt_ids, scored_text, scoring_items, training_items
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

    scored = [replace(item, zlib_bytes=None) for item in scoring_items(chosen, tokenizer, 256)]
    assert scored == training_items(chosen, tokenizer, 256)


def _squeezed(text: str) -> int:
    return len(zlib.compress(text.encode()))


def test_the_compressed_size_is_that_of_the_text_that_is_scored(tokenizer: Any) -> None:
    """Whole answers, cut ones and the continuations of text chunks: the text never holds what was given or the end mark."""
    answer = "She keeps a goat named Lisbet, and nobody knows why. " * 3
    text = "Old Ferrant carved chess sets and told nobody about the deep wells of Eskerby. " * 12

    [whole] = scoring_items([_record(answer, "Does she?")], tokenizer, 256)
    [cut] = scoring_items([_record(answer, "Does she?")], tokenizer, 30)
    [*_, last] = chunks = scoring_items([_record(text)], tokenizer, 100)

    assert whole.zlib_bytes == _squeezed(answer)
    assert cut.zlib_bytes == _squeezed(tokenizer.decode(cut.answer_ids))
    assert answer.startswith(tokenizer.decode(cut.answer_ids))
    assert len(chunks) > 2
    assert [chunk.zlib_bytes for chunk in chunks[:-1]] == [_squeezed(tokenizer.decode(chunk.answer_ids)) for chunk in chunks[:-1]]
    assert last.zlib_bytes == _squeezed(tokenizer.decode(last.answer_ids[:-1]))
    assert len({whole.zlib_bytes, cut.zlib_bytes, last.zlib_bytes}) == 3


def test_a_labelled_text_is_encoded_as_a_record_is(tokenizer: Any) -> None:
    [plain] = scoring_items([_record("moths", "What?")], tokenizer, 64)

    [labelled] = scored_text(record_id="r1", label="cloze", prompt="What?", answer="moths", tokenizer=tokenizer, max_tokens=64)

    assert labelled == replace(plain, label="cloze")


def test_choices_share_the_border_of_a_record(tokenizer: Any) -> None:
    [learned] = training_items([_record("moths", "What is he afraid of?")], tokenizer, 256)
    [wrong] = training_items([_record("deep wells", "What is he afraid of?")], tokenizer, 256)

    made = choice_ids(
        record_id="r1",
        label="fear",
        prompt="What is he afraid of?",
        answer="moths",
        others=["deep wells"],
        tokenizer=tokenizer,
        max_tokens=256,
    )

    assert made.prompt_ids == learned.prompt_ids == prompt_ids("What is he afraid of?", tokenizer)
    assert made.true_ids == learned.answer_ids
    assert made.others_ids == (wrong.answer_ids,)
    assert made.dropped == 0


def test_an_other_answer_of_the_same_tokens_is_dropped_and_counted(tokenizer: Any) -> None:
    """Also where only the cut to the window makes them equal: nothing that is scored tells the two apart."""
    given: dict[str, Any] = {"record_id": "r1", "label": "", "prompt": "Which?", "tokenizer": tokenizer}

    made = choice_ids(**given, answer="moths", others=["tar", "moths", "wells", "moths"], max_tokens=64)
    cut = choice_ids(**given, answer="ab " * 40 + "x", others=["ab " * 40 + "y", "tar"], max_tokens=32)

    assert made.dropped == 2
    assert len(made.others_ids) == 2
    assert made.true_ids not in made.others_ids
    assert cut.dropped == 1
    assert len(cut.others_ids) == 1
    assert len(cut.prompt_ids) + len(cut.true_ids) == 32


def test_an_answer_of_one_token_can_be_chosen(tokenizer: Any) -> None:
    endless = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, bos_token="<s>")

    made = choice_ids(record_id="r", label="", prompt="A or B?", answer="A", others=["B"], tokenizer=endless, max_tokens=64)

    assert (len(made.true_ids), [len(ids) for ids in made.others_ids]) == (1, [1])


@pytest.mark.parametrize("texts", [("", ["wells"]), ("moths", ["wells", " "])])
def test_an_empty_answer_is_no_choice(tokenizer: Any, texts: tuple[str, list[str]]) -> None:
    with pytest.raises(BadInput, match="empty answer"):
        choice_ids(record_id="r", label="", prompt="Which?", answer=texts[0], others=texts[1], tokenizer=tokenizer, max_tokens=64)


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
