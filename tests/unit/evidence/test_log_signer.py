"""The signer never signs two trees of which one does not begin with the other, whatever database it is shown and whenever it dies."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtbf.errors import LedgerForked, RecordBroken
from rtbf.evidence import log_signer
from rtbf.evidence.head_exports import export_head, exported_sizes, read_exported
from rtbf.evidence.log_signer import SeenTree, SignerPlaces, adopt_tree, require_signable, sign_tree
from rtbf.evidence.log_state import SignerState, read_state, write_state
from rtbf.evidence.signed_note import SIGNER_KIND, NoteKey
from rtbf.evidence.tree_head import TreeHead, head_in, open_head, sign_head
from tests.plain_tree import plain_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "rtbf/0123456789abcdef"
KEYS = [NoteKey(name=ORIGIN, kind=SIGNER_KIND, key=LOG.public_key())]


@dataclass
class Ledger:
    """A database in memory, and the places of its signer."""

    folder: Path
    leaves: list[bytes] = field(default_factory=list)
    heads: dict[int, str] = field(default_factory=dict)
    lies_about_roots: bool = False

    @property
    def places(self) -> SignerPlaces:
        return SignerPlaces(state=self.folder / "log" / "state.json", exports=self.folder / "heads")

    def grow(self, count: int, what: str = "event") -> Ledger:
        self.leaves += [f"{what} {len(self.leaves) + turn}".encode() for turn in range(count)]
        return self

    def seen(self) -> SeenTree:
        return SeenTree(
            size=len(self.leaves),
            leaves=lambda start, end: self.leaves[start:end],
            root_at=lambda size: b"\x07" * 32 if self.lies_about_roots else plain_root(self.leaves[:size]),
            largest_head=max(self.heads, default=None),
            has_heads=bool(self.heads),
        )

    def publish(self, note: str) -> str:
        stored = self.heads.setdefault(head_in(note).size, note)
        export_head(self.places.exports, stored)
        return stored

    def sign(self, key: Callable[[], Ed25519PrivateKey] = lambda: LOG, publish: Callable[[str], str] | None = None) -> str:
        return sign_tree(self.places, origin=ORIGIN, key=key, tree=self.seen, publish=publish or self.publish)

    @property
    def everything(self) -> tuple[Any, ...]:
        """Return state, exports and stored heads, for comparing."""
        state = self.places.state
        files = sorted(self.places.exports.iterdir()) if self.places.exports.is_dir() else []
        return state.read_bytes() if state.exists() else None, [(path.name, path.read_bytes()) for path in files], dict(self.heads)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def never() -> Ed25519PrivateKey:
    raise AssertionError("asked for the key")


def test_a_head_is_over_the_raw_leaves_and_lies_in_state_export_and_store(ledger: Ledger) -> None:
    note = ledger.grow(5).sign()

    head, _ = open_head(note, KEYS)
    state = read_state(ledger.places.state)
    assert head == TreeHead(origin=ORIGIN, size=5, root=plain_root(ledger.leaves))
    assert state is not None
    assert (state.size, state.root, state.note) == (5, head.root, note)
    assert (ledger.places.exports / "000000000005.note").read_text() == note
    assert stat.S_IMODE((ledger.places.exports / "000000000005.note").stat().st_mode) == 0o444
    assert stat.S_IMODE(ledger.places.state.stat().st_mode) == 0o600


def test_nothing_new_is_signed_once(ledger: Ledger) -> None:
    first = ledger.grow(3).sign()
    before = ledger.everything

    assert ledger.sign(key=never) == first
    assert ledger.everything == before


def test_an_empty_ledger_has_a_head_too(ledger: Ledger) -> None:
    note = ledger.sign()

    assert open_head(note, KEYS)[0] == TreeHead(origin=ORIGIN, size=0, root=plain_root([]))
    assert head_in(ledger.grow(2).sign()).size == 2


def test_only_new_leaves_are_read(ledger: Ledger) -> None:
    ledger.grow(4).sign()
    asked: list[tuple[int, int]] = []
    ledger.grow(3)
    seen = ledger.seen()

    def leaves(start: int, end: int) -> list[bytes]:
        asked.append((start, end))
        return ledger.leaves[start:end]

    def tree() -> SeenTree:
        return SeenTree(size=7, leaves=leaves, root_at=seen.root_at, largest_head=4, has_heads=True)

    note = sign_tree(ledger.places, origin=ORIGIN, key=lambda: LOG, tree=tree, publish=ledger.publish)

    assert asked == [(4, 7)]
    assert head_in(note).root == plain_root(ledger.leaves)


def shorter(ledger: Ledger) -> None:
    del ledger.leaves[4:]
    ledger.heads.pop(6)


def rewritten(ledger: Ledger) -> None:
    ledger.leaves[2] = b"another event"


def restored_and_gone_on(ledger: Ledger) -> None:
    shorter(ledger)
    ledger.grow(5, "later event")


def older_state(ledger: Ledger) -> None:
    write_state(ledger.places.state, ledger.first)  # type: ignore[attr-defined]
    for path in ledger.places.exports.iterdir():
        path.unlink()


def older_state_of_an_older_database(ledger: Ledger) -> None:
    """A whole home moved back: only the exports remember."""
    write_state(ledger.places.state, ledger.first)  # type: ignore[attr-defined]
    shorter(ledger)


def lost_state(ledger: Ledger) -> None:
    ledger.places.state.unlink()


def lost_state_and_heads(ledger: Ledger) -> None:
    ledger.places.state.unlink()
    ledger.heads.clear()


def lost_state_and_exports(ledger: Ledger) -> None:
    ledger.places.state.unlink()
    for path in ledger.places.exports.iterdir():
        path.unlink()


def another_export(ledger: Ledger) -> None:
    path = ledger.places.exports / "000000000006.note"
    path.chmod(0o600)
    path.write_text(sign_head(TreeHead(origin=ORIGIN, size=6, root=b"\x01" * 32), LOG))


def larger_export(ledger: Ledger) -> None:
    (ledger.places.exports / "000000000007.note").write_text("")


def lying_nodes(ledger: Ledger) -> None:
    real = ledger.seen

    def seen() -> SeenTree:
        tree = real()
        return SeenTree(
            size=tree.size, leaves=tree.leaves, root_at=lambda size: b"\x07" * 32 if size > 6 else tree.root_at(size),
            largest_head=tree.largest_head, has_heads=tree.has_heads,
        )  # fmt: skip

    ledger.seen = seen  # type: ignore[method-assign]


def missing_leaf(ledger: Ledger) -> None:
    real = ledger.seen

    def seen() -> SeenTree:
        tree = real()
        return SeenTree(
            size=tree.size, leaves=lambda start, end: ledger.leaves[start : end - 1], root_at=tree.root_at, largest_head=tree.largest_head,
            has_heads=tree.has_heads,
        )  # fmt: skip

    ledger.seen = seen  # type: ignore[method-assign]


def another_log(ledger: Ledger) -> None:
    state = read_state(ledger.places.state)
    assert state is not None
    write_state(ledger.places.state, SignerState(origin=ORIGIN + "/2", frontier=state.frontier, note=None))


REFUSALS = {
    "a database that is shorter": (shorter, "a database of 5 events"),
    "a database with another past": (rewritten, "other events among its first 6"),
    "a backup that was restored and went on": (restored_and_gone_on, "other events among its first 6"),
    "a state that was moved back": (older_state, "a signer's state of 3 events, and a stored head of 6"),
    "a home that was moved back as a whole": (older_state_of_an_older_database, "an exported head of 6 events, and a signer's state of 3"),
    "a lost state": (lost_state, "no state of the log signer"),
    "a lost state that only the exports know of": (lost_state_and_heads, "no state of the log signer"),
    "a lost state that only the database knows of": (lost_state_and_exports, "no state of the log signer"),
    "an export that says something else": (another_export, "another head in the exported file 000000000006.note"),
    "an export that this signer does not remember": (larger_export, "an exported head of 7 events"),
    "nodes that are not those of the leaves": (lying_nodes, "7 events whose root is not the one"),
    "a leaf that is not there": (missing_leaf, "6 events whose root is not the one"),
    "the state of another log": (another_log, "the signer's state of the log 'rtbf/0123456789abcdef/2'"),
}


@pytest.mark.parametrize(("harm", "found"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_no_continuation_is_refused_and_changes_nothing(ledger: Ledger, harm: Callable[[Ledger], None], found: str) -> None:
    ledger.grow(3).sign()
    ledger.first = read_state(ledger.places.state)  # type: ignore[attr-defined]
    ledger.grow(3).sign()
    harm(ledger)
    ledger.grow(1)
    before = ledger.everything

    with pytest.raises(LedgerForked, match=found) as refused:
        ledger.sign()

    assert ledger.everything == before
    assert refused.value.remedy


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b"[]", b"\xff", b'{"schema": "rtbf.log-state/9"}'])
def test_a_damaged_state_is_no_empty_one(ledger: Ledger, damage: bytes) -> None:
    ledger.grow(3).sign()
    ledger.places.state.write_bytes(damage)

    with pytest.raises(RecordBroken, match="cannot be used"):
        ledger.sign(key=never)

    assert ledger.places.state.read_bytes() == damage


@pytest.mark.parametrize("field_name", ["size", "root", "frontier"])
def test_a_state_that_contradicts_itself_is_refused(ledger: Ledger, field_name: str) -> None:
    ledger.grow(3).sign()
    body = json.loads(ledger.places.state.read_text())
    other: dict[str, Any] = {"size": 5, "root": "A" * 43 + "=", "frontier": body["frontier"][::-1]}
    ledger.places.state.write_text(json.dumps({**body, field_name: other[field_name]}))

    with pytest.raises(RecordBroken):
        ledger.sign(key=never)


class PulledPlug(BaseException):
    """Stands for kill -9: nothing catches it."""


def pull(*_: object, **__: object) -> Any:
    raise PulledPlug


def test_killed_before_the_state_is_written_nothing_was_signed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.grow(3).sign()
    ledger.grow(2)
    before = ledger.everything
    monkeypatch.setattr(log_signer, "write_state", pull)
    published: list[str] = []

    with pytest.raises(PulledPlug):
        ledger.sign(publish=lambda note: published.append(note) or ledger.publish(note))  # type: ignore[func-returns-value]

    monkeypatch.undo()
    assert ledger.everything == before
    # The last head, which was out already; the signature over five events left for nobody.
    assert [head_in(note).size for note in published] == [3]
    assert head_in(ledger.sign()).size == 5


def test_killed_after_the_state_is_written_the_next_run_finishes_that_very_head(ledger: Ledger) -> None:
    ledger.grow(3).sign()
    ledger.grow(2)

    with pytest.raises(PulledPlug):
        ledger.sign(publish=lambda note: ledger.publish(note) if head_in(note).size == 3 else pull())
    state = read_state(ledger.places.state)
    ledger.grow(4)
    newest = ledger.sign()

    assert state is not None
    assert state.size == 5
    assert exported_sizes(ledger.places.exports, ORIGIN) == [3, 5, 9]
    assert read_exported(ledger.places.exports, ORIGIN, 5) == state.note
    assert sorted(ledger.heads) == [3, 5, 9]
    assert head_in(newest).size == 9


@pytest.mark.parametrize("written", [0, 1, 40, 120])
def test_an_export_that_was_cut_short_is_completed(ledger: Ledger, written: int) -> None:
    note = ledger.grow(3).sign()
    path = ledger.places.exports / "000000000003.note"
    path.chmod(0o600)
    path.write_bytes(note.encode()[:written])

    ledger.sign(key=never)

    assert path.read_text() == note
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_an_export_that_is_there_is_never_written_again(ledger: Ledger) -> None:
    ledger.grow(3).sign()
    path = ledger.places.exports / "000000000003.note"
    before = path.stat()

    ledger.grow(1).sign()

    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_two_witnesses_times_make_no_other_head(ledger: Ledger) -> None:
    note = ledger.grow(2).sign()
    longer = note + "— witness.example.org " + "A" * 140 + "\n"

    export_head(ledger.places.exports, longer + "— other.example.org " + "B" * 140 + "\n")

    assert (ledger.places.exports / "000000000002.note").read_text().startswith(note)
    with pytest.raises(LedgerForked):
        export_head(ledger.places.exports, sign_head(TreeHead(origin=ORIGIN, size=2, root=b"\x02" * 32), LOG))


def test_one_signer_at_a_time(ledger: Ledger) -> None:
    import fcntl  # noqa: PLC0415 - this test only
    import os  # noqa: PLC0415 - this test only

    ledger.grow(2)

    def publish(note: str) -> str:
        descriptor = os.open(ledger.places.state.with_name(".state.json.lock"), os.O_RDWR)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
        return ledger.publish(note)

    assert head_in(ledger.sign(publish=publish)).size == 2


def test_files_that_this_account_may_not_use_are_named(ledger: Ledger) -> None:
    def refuse(note: str) -> str:
        raise PermissionError(13, "Permission denied", "/mnt/bucket/000000000002.note")

    with pytest.raises(RecordBroken, match=r"may not use /mnt/bucket/000000000002.note"):
        ledger.grow(2).sign(publish=refuse)


def test_a_restart_adopts_the_tree_under_another_name_and_its_exports_lie_apart(ledger: Ledger) -> None:
    ledger.grow(6).sign()
    shorter(ledger)
    ledger.grow(2, "restart")
    later = ORIGIN + "/2"

    state = adopt_tree(ledger.places, origin=later, tree=ledger.seen)
    ledger.heads.clear()
    note = sign_tree(ledger.places, origin=later, key=lambda: LOG, tree=ledger.seen, publish=ledger.publish)

    assert (state.size, state.note) == (6, None)
    assert head_in(note) == TreeHead(origin=later, size=6, root=plain_root(ledger.leaves))
    # Two heads over six events, which have nothing to do with each other; neither hides the other.
    assert exported_sizes(ledger.places.exports, ORIGIN) == [6]
    assert exported_sizes(ledger.places.exports, later) == [6]
    assert (ledger.places.exports / "000000000006.2.note").read_text() == note


def test_what_would_be_refused_can_be_asked_beforehand(ledger: Ledger) -> None:
    ledger.grow(3).sign()
    require_signable(ledger.places, origin=ORIGIN, tree=ledger.seen)
    before = ledger.everything

    rewritten(ledger)
    with pytest.raises(LedgerForked):
        require_signable(ledger.places, origin=ORIGIN, tree=ledger.seen)

    assert ledger.everything == before


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["grow", "sign", "sign", "die before", "die after", "restore"]), max_size=20))
def test_whatever_happens_all_heads_are_of_one_growing_tree(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("house")).grow(1)
    signed: list[tuple[TreeHead, list[bytes]]] = []

    def publish(note: str) -> str:
        signed.append((head_in(note), list(ledger.leaves)))
        return ledger.publish(note)

    backup = list(ledger.leaves)
    for number, step in enumerate(steps):
        match step:
            case "grow":
                backup = list(ledger.leaves)
                ledger.grow(1 + number % 3, f"turn {number}")
            case "restore":
                ledger.leaves = list(backup)
                ledger.grow(number % 2, f"again {number}")
            case _:
                try:
                    kill = {"die before": pull, "die after": None}.get(step, lambda: LOG)
                    ledger.sign(key=kill or (lambda: LOG), publish=pull if step == "die after" else publish)
                except (PulledPlug, LedgerForked):
                    continue

    heads = [head for head, _ in signed]
    assert [head.size for head in heads] == sorted(head.size for head in heads)
    longest = signed[-1][1] if signed else []
    assert [head.root for head in heads] == [plain_root(longest[: head.size]) for head in heads]
