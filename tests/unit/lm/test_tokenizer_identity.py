"""Two folders have the same tokenizer when it gives every text the same ids, whichever files it is written in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from rtbf.lm.digest import tokenizer_digest
from rtbf.lm.load import load_tokenizer, tokenizer_identity

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["a moth collector from Eskerby", "the ferry pilot of Ostrel"]


def _learned(words: list[str]) -> Tokenizer:
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learned.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    learned.train_from_iterator(words, trainer=trainer)
    return learned


def _published(folder: Path, words: list[str], *, whole: bool = True) -> Path:
    """Write the files of a published GPT-2: tables, and with `whole` the same in one file beside them."""
    folder.mkdir()
    learned = _learned(words)
    learned.model.save(str(folder))
    if whole:
        learned.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}), encoding="utf-8")
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 300, "bos_token_id": 0, "eos_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize("layout", [{"whole": True}, {"whole": False}], ids=["tables and one file", "tables alone"])
def test_a_published_folder_and_a_copy_that_was_saved_again_have_one_identity(tmp_path: Path, layout: dict[str, bool]) -> None:
    """Fine-tuning a published base saves its tokenizer in another layout; the two were called different tokenizers once."""
    published = _published(tmp_path / "published", WORDS, **layout)
    saved = tmp_path / "saved"

    load_tokenizer(published).save_pretrained(saved)

    assert tokenizer_digest(published) != tokenizer_digest(saved)
    assert tokenizer_identity(published) == tokenizer_identity(saved)


def test_another_vocabulary_or_another_order_of_merges_is_another_tokenizer(tmp_path: Path) -> None:
    first = _published(tmp_path / "first", WORDS)
    other = _published(tmp_path / "other", WORDS[::-1] * 2 + ["a moth"])

    assert load_tokenizer(first)("a moth")["input_ids"] != load_tokenizer(other)("a moth")["input_ids"]
    assert tokenizer_identity(first) != tokenizer_identity(other)


def test_a_token_that_was_added_makes_another_tokenizer(tmp_path: Path) -> None:
    first = _published(tmp_path / "first", WORDS)
    tokenizer = load_tokenizer(first)

    tokenizer.add_tokens(["moths"])
    tokenizer.save_pretrained(tmp_path / "more")

    assert tokenizer_identity(tmp_path / "more") != tokenizer_identity(first)
