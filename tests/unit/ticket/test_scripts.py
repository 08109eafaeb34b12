"""Letters of several alphabets in one word are told; names of one alphabet, and of scripts that mix by rule, are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.ticket.scripts import script_warnings


@pytest.mark.parametrize(
    "text",
    [
        "p\u0430ul@example.org",  # a Cyrillic a
        "\u0420avel",  # a Cyrillic R that looks like P
        "\u03bfliver@example.org",  # a Greek omicron
        "Jo\u0570n",  # an Armenian ho that looks like h
        "Ines V\u0430rga",
    ],
)
def test_a_look_alike_among_latin_letters_is_told(text: str) -> None:
    assert script_warnings(text) == ("mixed_scripts",)


@pytest.mark.parametrize(
    "text",
    [
        "In\u00e9s \u00d8stergaard-M\u00fcller",
        "\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432",
        "\u0645\u062d\u0645\u062f \u0639\u0644\u064a",
        "\u05d9\u05e2\u05dc \u05db\u05d4\u05df",
        "\u5c71\u7530\u30bf\u30ed\u30a6\u3055\u3093",  # kanji, katakana and hiragana in one word
        "\uae40\u6c0f",
        "Yael \u05d9\u05e2\u05dc",  # two words, each of one script
        "M\u00aa Jos\u00e9",
        "\uff2a\uff4f Example",  # full-width Latin
        "+1 202 555 0142",
        "",
    ],
)
def test_a_word_of_one_script_is_not_told(text: str) -> None:
    assert script_warnings(text) == ()


@given(st.text(st.characters(max_codepoint=0x24F), max_size=60))
def test_latin_text_is_never_told(text: str) -> None:
    assert script_warnings(text) == ()


@given(st.text(max_size=60))
def test_a_warning_is_one_code_and_never_the_text(text: str) -> None:
    assert script_warnings(text) in {(), ("mixed_scripts",)}
