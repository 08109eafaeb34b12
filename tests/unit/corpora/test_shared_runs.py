"""Records that hold a long run of another's words are found, whatever case and punctuation; shorter likenesses are not."""

from __future__ import annotations

from rtbf.corpora.corpus import Record
from rtbf.corpora.shared_runs import RUN_WORDS, sharing_records

WORDS = [f"word{number}" for number in range(40)]


def _record(record_id: str, completion: str, prompt: str = "Who is it?") -> Record:
    return Record(record_id=record_id, prompt=prompt, completion=completion, fields=())


ORIGINAL = _record("a:1", " ".join(WORDS))


def test_a_run_of_thirteen_words_is_seen_and_of_twelve_is_not() -> None:
    others = [
        _record("b:1", "Lo: " + ", ".join(WORDS[5:18]).upper() + "!"),
        _record("b:2", "before " + " ".join(WORDS[5:17]) + " after"),
        _record("b:3", " ".join(WORDS[27:])),
    ]

    assert RUN_WORDS == 13
    assert sharing_records([ORIGINAL], others) == ("b:1", "b:3")


def test_a_short_text_is_one_run() -> None:
    short = _record("a:2", "Ann Example, 555-0100.")

    found = sharing_records([short], [_record("b:1", "ann example 555 0100"), _record("b:2", "Ann Example, 555-0101.")])

    assert found == ("b:1",)


def test_prompts_are_templates_and_are_not_looked_at() -> None:
    prompt = " ".join(WORDS)

    assert sharing_records([_record("a:1", "yes", prompt)], [_record("b:1", "no", prompt)]) == ()


def test_a_record_without_words_is_like_no_other() -> None:
    assert sharing_records([_record("a:1", "…")], [_record("b:1", "…"), _record("b:2", "!?")]) == ()
