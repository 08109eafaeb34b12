"""The table of names and towns is shipped, large enough, and strictly read."""

from __future__ import annotations

import pytest

from rtbf.errors import PackBroken
from rtbf.verify.items.population import population, read_population


def test_the_table_has_enough_of_each() -> None:
    table = population()

    assert min(len(table.given("")), len(table.surnames), len(table.towns)) >= 150
    assert min(len(table.feminine), len(table.masculine)) >= 100


REST = "masculine: [B]\nsurnames: [C]\ntowns: [D]\ndemonyms: [E]\ntitle_adjectives: [F]\ntitle_nouns: [G]"


def test_a_whole_table_is_read() -> None:
    assert read_population(f"version: 1\nfeminine: [Ada]\n{REST}").feminine == ("Ada",)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "version: 1\nfeminine: [Ada]",
        f"version: 2\nfeminine: [Ada]\n{REST}",
        f"version: 1\nfeminine: [Ada, ADA]\n{REST}",
        f"version: 1\nfeminine: []\n{REST}",
        f"version: 1\nfeminine: [1]\n{REST}",
        f"version: 1\nfeminine: [Ada]\nmore: [H]\n{REST}",
    ],
)
def test_another_table_is_refused(text: str) -> None:
    with pytest.raises(PackBroken):
        read_population(text)
