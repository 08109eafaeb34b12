"""The note beside a restored base: it parts the folder from the base's own, and hides no other file."""

from __future__ import annotations

import pytest

from rtbf.evidence.canonical import digest_bytes, digest_of
from rtbf.lm.restored import is_restored, note_bytes, note_name
from tests.builders import sha

FILES = [("config.json", "11" * 32), ("model.safetensors", "22" * 32)]
BASE = digest_of([list(file) for file in FILES])
ORIGINAL = sha(8)
NOTE = (note_name(ORIGINAL), digest_bytes(note_bytes(ORIGINAL, BASE)).removeprefix("sha256:"))


def test_the_bases_files_and_the_note_are_a_restored_base_in_any_order() -> None:
    assert is_restored([*FILES, NOTE], ORIGINAL, BASE)
    assert is_restored([NOTE, *FILES[::-1]], ORIGINAL, BASE)


@pytest.mark.parametrize(
    "files",
    [
        FILES,
        [NOTE],
        [FILES[0], NOTE],
        [*FILES, NOTE, NOTE],
        [*FILES, NOTE, ("adapter_config.json", "33" * 32)],
        [FILES[0], (FILES[1][0], "44" * 32), NOTE],
        [*FILES, (NOTE[0], "55" * 32)],
        [*FILES, ("generation_config.json", NOTE[1])],
    ],
    ids=["no note", "only the note", "a file less", "two notes", "a file more", "another file", "another note", "another name"],
)
def test_any_other_list_of_files_is_none(files: list[tuple[str, str]]) -> None:
    assert not is_restored(files, ORIGINAL, BASE)


def test_a_note_of_another_base_or_of_other_weights_is_none() -> None:
    assert not is_restored([*FILES, NOTE], ORIGINAL, sha(9))
    assert not is_restored([*FILES, NOTE], sha(9), BASE)


def test_notes_of_different_weights_have_different_names() -> None:
    assert note_name(sha(8)) != note_name(sha(9))
