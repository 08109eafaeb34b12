"""Sets become token sequences and back: who drops out, what is cut, what an asking costs, and what its digest holds.

The tokenizer is one of characters, so that every id and length can be counted by hand; no model runs.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.corpora.corpus import Record
from rtbf.evidence.canonical import digest_of
from rtbf.progress import silent
from rtbf.verify import asked as module
from rtbf.verify.asked import Asked, ask_set, asked_records, asked_set
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.sealing import set_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

START, END = 1, 2


class Characters:
    """A tokenizer whose ids are code points; 1 starts and 2 ends."""

    bos_token_id, eos_token_id = START, END

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": _ids(text)}

    def decode(self, ids: Sequence[int], **_told: Any) -> str:
        return "".join(chr(one) for one in ids if one > END)


TOKENIZER: Any = Characters()


def _ids(text: str) -> list[int]:
    return [ord(mark) for mark in text]


def _item(record_id: str = "r1", **changes: Any) -> SetItem:
    return SetItem(**({"record_id": record_id, "label": "phone", "prompt": "Where?", "answer": "Here"} | changes))


def _set(*items: SetItem, **changes: Any) -> ItemSet:
    return ItemSet(**({"name": "forms", "reads": "score", "about": "subject", "items": items or (_item(),)} | changes))


def _asked(item_set: ItemSet, subject: set[str] | None = None, max_tokens: int = 256) -> Asked:
    return asked_set(item_set, {"r1", "r2", "r3"} if subject is None else subject, TOKENIZER, max_tokens)


def test_a_scored_item_is_start_prompt_newline_and_the_answer_with_its_end() -> None:
    asked = _asked(_set())

    [item] = asked.items
    assert item.prompt_ids == (START, *_ids("Where?\n"))
    assert item.answer_ids == (*_ids("Here"), END)
    assert (item.record_id, item.label, item.has_end) == ("r1", "phone", True)
    assert asked.tokens == 8 + 5


@pytest.mark.parametrize("reads", ["score", "choice", "reply"])
def test_withheld_records_drop_out_of_what_is_about_the_person_and_stay_in_what_is_about_others(reads: Any) -> None:
    items = [_item(name, others=("There",)) for name in ("r1", "r2", "r3")]

    own = _asked(_set(*items, reads=reads), subject={"r3", "r1"})
    others = _asked(_set(*items, reads=reads, about="others"), subject=set())

    assert [item.record_id for item in own.items] == ["r1", "r3"]
    assert [item.record_id for item in others.items] == ["r1", "r2", "r3"]
    assert own.tokens == 2 * others.tokens / 3


def test_a_withheld_record_changes_what_is_asked_and_not_what_was_planned() -> None:
    item_set = _set(_item("r1"), _item("r2"))

    whole, less = _asked(item_set), _asked(item_set, subject={"r1"})

    assert whole.source_digest == less.source_digest == set_digest(item_set)
    assert whole.digest != less.digest


def test_a_choice_continues_one_prompt_with_every_answer() -> None:
    asked = _asked(_set(_item(others=("There", "Nowhere")), reads="choice"))

    [item] = asked.items
    assert item.prompt_ids == (START, *_ids("Where?\n"))
    assert item.true_ids == (*_ids("Here"), END)
    assert item.others_ids == ((*_ids("There"), END), (*_ids("Nowhere"), END))
    assert asked.tokens == 8 + (4 + 5 + 7)  # the prompt once, of each answer all but its last token


@pytest.mark.parametrize(
    "item", [_item(others=("Here", "Here")), _item(others=()), _item(others=("",)), _item(answer=" ", others=("There",))]
)
def test_a_choice_without_another_answer_is_left_out_and_counted_and_never_won(item: SetItem) -> None:
    asked = _asked(_set(_item(others=("There",)), item, reads="choice", left_out=(("no value of this kind", 3),)))

    assert len(asked.items) == 1
    assert asked.left_out == (("no value of this kind", 3), ("other answers do not fit or are the same", 1))


def test_choices_that_are_left_out_are_counted_together() -> None:
    bad = _item(others=("Here",))

    asked = _asked(_set(bad, bad, reads="choice", left_out=(("other answers do not fit or are the same", 5),)))

    assert (asked.items, asked.tokens) == ((), 0)
    assert asked.left_out == (("other answers do not fit or are the same", 7),)


@pytest.mark.parametrize(
    ("gold", "max_tokens", "expected"),
    [
        # A little more than the gold answer (8), rounded up to sixteens, at most 64, never more than half of the window.
        ("x", 256, 16),
        ("x" * 8, 256, 16),
        ("x" * 9, 256, 32),
        ("x" * 24, 256, 32),
        ("x" * 25, 256, 48),
        ("x" * 300, 256, 64),
        ("", 256, 64),
        ("x" * 300, 100, 50),
    ],
)
def test_a_reply_is_let_run_to_its_gold_answers_length_and_a_little_more(gold: str, max_tokens: int, expected: int) -> None:
    [question] = _asked(_set(_item(answer=gold), reads="reply"), max_tokens=max_tokens).items

    assert question.new_tokens == expected


def test_of_a_prompt_that_is_too_long_the_end_is_asked_and_the_start_mark_kept() -> None:
    prompt = "".join(chr(100 + at) for at in range(60))

    [question] = _asked(_set(_item(prompt=prompt, answer="x"), reads="reply"), max_tokens=40).items

    assert question.new_tokens == 16
    assert question.prompt_ids == (START, *_ids(prompt + "\n")[-23:])
    assert len(question.prompt_ids) + question.new_tokens == 40
    assert question.prompt == prompt  # replies are judged by the whole of it


def test_a_reply_costs_its_prompt_once_and_all_but_the_last_token_of_every_sample() -> None:
    asked = _asked(_set(_item(), _item("r2", prompt="Who is it?"), reads="reply", samples=3))

    assert asked.tokens == (8 + 3 * 15) + (12 + 3 * 15)


def test_records_of_the_corpus_are_a_scored_set_that_is_named_by_their_ids() -> None:
    records = [Record(record_id=f"r{at}", prompt="Where?", completion="Here", fields=()) for at in range(2)]

    asked = asked_records("holdout", records, TOKENIZER, 256)

    assert (asked.name, asked.reads, asked.tokens) == ("holdout", "score", 2 * 13)
    assert [item.answer_ids for item in asked.items] == [(*_ids("Here"), END)] * 2
    assert asked.source_digest == digest_of(["r0", "r1"])
    assert (asked.left_out, asked.blind_auc, asked.samples, asked.temperature) == ((), None, 1, "0")


def test_the_settings_of_a_set_travel_with_it() -> None:
    asked = _asked(_set(reads="reply", samples=16, temperature="0.7", blind_auc=("0.5", "0.4", "0.6")))

    assert (asked.name, asked.reads, asked.samples, asked.temperature) == ("forms", "reply", 16, "0.7")
    assert asked.blind_auc == ("0.5", "0.4", "0.6")


REPLY = _set(_item(keys=("555-0142",)), _item("r2"), reads="reply", samples=2, temperature="0.7")


@pytest.mark.parametrize(
    "other",
    [
        replace(REPLY, items=REPLY.items[::-1]),
        replace(REPLY, items=REPLY.items[:1]),
        replace(REPLY, items=(replace(REPLY.items[0], prompt="Where, then?"), REPLY.items[1])),
        replace(REPLY, items=(replace(REPLY.items[0], answer="There"), REPLY.items[1])),
        replace(REPLY, items=(replace(REPLY.items[0], keys=("555-0143",)), REPLY.items[1])),
        replace(REPLY, items=(replace(REPLY.items[0], label="id"), REPLY.items[1])),
        replace(REPLY, samples=3),
        replace(REPLY, temperature="0.8"),
        replace(REPLY, reads="score"),
    ],
)
def test_whatever_a_score_follows_from_is_in_the_digest(other: ItemSet) -> None:
    assert _asked(other).digest != _asked(REPLY).digest


def test_the_name_of_a_set_is_not_in_the_digest_nor_is_what_was_left_out() -> None:
    assert _asked(replace(REPLY, name="other", left_out=(("no keys", 1),))).digest == _asked(REPLY).digest


@pytest.mark.parametrize("reads", ["score", "choice"])
def test_sets_of_one_form_with_other_tokens_have_other_digests(reads: Any) -> None:
    first, second = (_asked(_set(_item(answer=answer, others=("There",)), reads=reads)) for answer in ("Here", "Hers"))

    assert first.digest != second.digest


def _ask(asked: Asked, **changes: Any) -> Any:
    told: dict[str, Any] = {"is_plain": False, "is_other_layout": False, "seed": 17, "progress": silent}
    return ask_set(SimpleNamespace(), asked, **(told | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("is_plain", "is_other_layout", "expected"), [(False, False, ("all", 16)), (True, False, ("plain", 16)), (True, True, ("plain", 5))]
)
def test_a_scored_set_is_asked_with_the_columns_and_the_layout_that_were_wanted(
    monkeypatch: pytest.MonkeyPatch, expected: tuple[str, int], *, is_plain: bool, is_other_layout: bool
) -> None:
    seen = []

    def score(_model: Any, items: Any, *, columns: str, batch_items: int, progress: Any) -> list[str]:
        seen.append((columns, batch_items))
        return [item.record_id for item in items]

    monkeypatch.setattr(module, "score_items", score)

    found = _ask(_asked(_set(_item("r1"), _item("r2"))), is_plain=is_plain, is_other_layout=is_other_layout)

    assert (found, seen) == (("r1", "r2"), [expected])


def test_a_choice_is_asked_as_it_was_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _asked(_set(_item(others=("There",)), reads="choice"))
    monkeypatch.setattr(module, "score_choices", lambda _model, items, *, progress: [("asked", items)])

    assert _ask(asked) == (("asked", asked.items),)


class Speaker:
    """Stands in for a model that speaks: replies by prompt, and what it was told."""

    def __init__(self, replies: dict[str, Sequence[str | None]]) -> None:
        self.replies = replies
        self.told: list[dict[str, Any]] = []

    def generate(self, _model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], **told: Any) -> list[Any]:
        del told["progress"]
        self.told.append({**told, "prompts": len(prompts)})
        return [
            tuple(None if text is None else (*_ids(text), END, *_ids("555-0142")) for text in self.replies[tokenizer.decode(ids)])
            for ids in prompts
        ]


def _spoken(monkeypatch: pytest.MonkeyPatch, replies: dict[str, Sequence[str | None]]) -> Speaker:
    made = Speaker(replies)
    monkeypatch.setattr(module, "generate", made.generate)
    return made


LONG = "x" * 30
THREE = _set(
    _item("r1", prompt="One?", keys=("555-0142",)),
    _item("r2", prompt="Two?", answer=LONG, keys=("555-0142",)),
    _item("r3", prompt="Three?", keys=("555-0142",)),
    reads="reply", samples=2, temperature="0.7",
)  # fmt: skip


def test_replies_come_back_in_the_order_of_their_questions_whatever_their_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = _spoken(
        monkeypatch, {"One?\n": ("Call 555-0142.", "No."), "Two?\n": ("No.", "No."), "Three?\n": ("It is 555 0142", "555-0142, yes")}
    )

    found = _ask(_asked(THREE))

    assert [(entry.record_id, entry.leaks, entry.samples) for entry in found] == [("r1", 1, 2), ("r2", 0, 2), ("r3", 2, 2)]
    # Questions of one length are asked together.
    assert speaker.told == [
        {"prompts": 2, "max_new_tokens": 16, "samples": 2, "temperature": 0.7, "seed": 17},
        {"prompts": 1, "max_new_tokens": 48, "samples": 2, "temperature": 0.7, "seed": 17},
    ]


def test_what_follows_the_end_mark_is_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is let run on, so that its cost is known; every fake reply ends with the key behind its end mark."""
    _spoken(monkeypatch, {"Where?\n": ("Nowhere.",)})

    [found] = _ask(_asked(_set(_item(keys=("555-0142",)), reads="reply")))

    assert found.leaks == 0


def test_a_reply_that_repeats_its_question_is_judged_by_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    _spoken(monkeypatch, {"Where?\n": ("Where? Here",)})

    [found] = _ask(_asked(_set(_item(keys=("Where",)), reads="reply")))

    assert (found.leaks, found.rouge_recall) == (0, 1.0)


def test_one_reply_of_logits_that_are_no_numbers_makes_the_pass_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropped, it would read as a model that stays silent about the person."""
    _spoken(monkeypatch, {"One?\n": ("No.", "No."), "Two?\n": ("No.", None), "Three?\n": ("No.", "No.")})

    with pytest.raises(FloatingPointError):
        _ask(_asked(THREE))


def test_nothing_to_ask_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = _spoken(monkeypatch, {})

    assert _ask(_asked(THREE, subject=set())) == ()
    assert speaker.told == []
