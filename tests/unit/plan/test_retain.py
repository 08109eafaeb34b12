"""The retain draw: disjoint, seeded, and blind to everything but its candidates and its seed."""

from __future__ import annotations

import pytest

from rtbf.corpora.corpus import CorpusVersion, Layout, Shard
from rtbf.plan.retain import draw_retain, record_set

CORPUS = CorpusVersion(
    name="community",
    connector="jsonl",
    layout=Layout(prompt_field="question", completion_field="answer"),
    shards=(Shard(name="a.jsonl", sha256="ab" * 32, size_bytes=10, records=10_000, unread=()),),
)


def _ids(count: int) -> list[str]:
    return [f"abababababab:{place}" for place in range(1, count + 1)]


@pytest.mark.parametrize(
    ("count", "n_retain", "n_holdout"),
    [(0, 0, 0), (1, 1, 0), (4, 4, 0), (5, 4, 1), (100, 80, 20), (2_500, 2_000, 500), (9_000, 2_000, 500)],
)
def test_one_in_five_is_held_out_and_no_record_is_on_both_sides(count: int, n_retain: int, n_holdout: int) -> None:
    retain, holdout = draw_retain(CORPUS, _ids(count), seed=3)

    assert (len(retain.record_ids), len(holdout.record_ids)) == (n_retain, n_holdout)
    assert len({*retain.record_ids, *holdout.record_ids}) == n_retain + n_holdout
    assert {*retain.record_ids, *holdout.record_ids} <= set(_ids(count))


def test_the_draw_depends_on_the_seed_and_on_nothing_else() -> None:
    first, again, other = (draw_retain(CORPUS, _ids(200), seed=seed) for seed in (3, 3, 4))

    assert first == again
    assert first != other
    assert first[0].record_ids != tuple(_ids(200)[:160])


def test_the_digest_names_corpus_version_and_list() -> None:
    base = record_set(CORPUS, _ids(3))

    assert base.version == CORPUS.digest
    assert base.digest == record_set(CORPUS, _ids(3)).digest
    assert base.digest != record_set(CORPUS, _ids(3)[::-1]).digest
    assert base.digest != record_set(CORPUS, _ids(2)).digest
