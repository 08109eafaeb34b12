"""A shard's log: each line names the one before, so none can be changed, moved or left out; and nobody is named without the key."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from rtbf.errors import ArtefactMismatch
from rtbf.lm.recipes.sharded.training_log import read_slice, took_hash, write_slice

KEY = bytes(range(32))
TOOK = [(2, took_hash(KEY, 1, ["r1", "r2"])), (0, took_hash(KEY, 2, []))]
LINES, HEAD = write_slice("sha256:terms", 1, TOOK, "sha256:state")


def test_what_was_written_is_read_and_the_next_slice_goes_on_from_its_head() -> None:
    found = read_slice(LINES, "sha256:terms", 1, 2)
    later, _ = write_slice(HEAD, 3, TOOK, "sha256:later")

    assert (found.took, found.state, found.head) == (tuple(one for _, one in TOOK), "sha256:state", HEAD)
    assert read_slice(later, HEAD, 3, 2).state == "sha256:later"
    # The head is the hash of the last line, which any sha256sum gives.
    assert "sha256:" + hashlib.sha256(LINES.splitlines()[-1]).hexdigest() == HEAD


def test_the_hash_of_who_took_part_is_an_hmac_over_step_and_ids() -> None:
    parts = (b"rtbf.sharded/1", b"took", (1).to_bytes(8, "big"), b"r1", b"r2")
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    assert took_hash(KEY, 1, ["r1", "r2"]) == hmac.new(KEY, message, hashlib.sha256).hexdigest()
    assert len({took_hash(KEY, 1, ["r1", "r2"]), took_hash(KEY, 2, ["r1", "r2"]), took_hash(KEY, 1, ["r1r2"]), took_hash(KEY, 1, [])}) == 4


FIRST, SECOND, LAST = LINES.splitlines(keepends=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        FIRST + SECOND,
        SECOND + FIRST + LAST,
        FIRST + LAST,
        FIRST + SECOND + LAST + LAST,
        FIRST + SECOND + LAST + b"x",
        LINES.replace(b'"records":2', b'"records":3'),
        LINES.replace(b"sha256:state", b"sha256:other"),
        LINES.replace(b'"step":2', b'"step":3'),
        LINES.replace(b"{", b"[", 1),
        b"\xff" + LINES[1:],
        b"[]\n" * 3,
        b"1\n" * 3,
    ],
)
def test_a_log_with_a_line_changed_moved_left_out_or_added_does_not_hold(content: bytes) -> None:
    changed_at_the_end = content == LINES.replace(b"sha256:state", b"sha256:other")
    if changed_at_the_end:
        # The last line is named by nobody inside the slice: its hash is the head, which the next slice and the state name.
        assert read_slice(content, "sha256:terms", 1, 2).head != HEAD
        return
    with pytest.raises(ArtefactMismatch, match="log"):
        read_slice(content, "sha256:terms", 1, 2)


def test_the_log_of_another_shard_or_of_other_steps_does_not_hold() -> None:
    with pytest.raises(ArtefactMismatch):
        read_slice(LINES, "sha256:other terms", 1, 2)
    with pytest.raises(ArtefactMismatch):
        read_slice(LINES, "sha256:terms", 3, 2)
    with pytest.raises(ArtefactMismatch):
        read_slice(LINES, "sha256:terms", 1, 3)
