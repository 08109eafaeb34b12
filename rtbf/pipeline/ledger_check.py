"""Check the whole ledger against everything that was ever said about it: rebuild the tree from the raw events.

Compares every event's columns, chain and hash, both signatures of every handover between keys, every stored node, every
stored and exported head and the signer's state. Lists what does not fit, and changes nothing. Does not prove that nobody was
shown another history: that takes heads kept by somebody else, compared with these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtbf import progress as silence
from rtbf.errors import RecordBroken
from rtbf.evidence.head_exports import exported_sizes, read_exported
from rtbf.evidence.keys import LOG_SIGNER, PDF_SIGNER, REPORT_SIGNER
from rtbf.evidence.ledger import leaf_hash
from rtbf.evidence.log_state import read_state
from rtbf.evidence.merkle import EMPTY, extend, hash_leaf, root_of
from rtbf.evidence.rotation import verify_rotation
from rtbf.evidence.tree_head import TreeHead, open_head
from rtbf.evidence.trust_file import note_keys, public_key
from rtbf.store.tree import count_nodes, count_pending, nodes_between, rows_between, tree_size
from rtbf.store.tree_heads import all_heads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from rtbf.evidence.keys import PublicKey
    from rtbf.evidence.merkle import Frontier
    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.store.tables import EventRow

_READ_AT_ONCE = 1000
_MOST_FINDINGS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerChecked:
    """What was compared, and what did not fit, a sentence each (the first hundred).

    lost_heads  heads that a restart has given up: `log.restarted` in the ledger names the last of them
    """

    events: int
    pending: int
    tickets: int
    nodes: int
    heads: int
    exported: int
    lost_heads: int
    root: bytes
    findings: tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class _Walk:
    """What the walk over the events has come to."""

    findings: list[str] = field(default_factory=list)
    chains: dict[str, tuple[int, str]] = field(default_factory=dict)
    given_up: dict[str, int] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)

    def note(self, finding: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(finding)


@dataclass(frozen=True, slots=True)
class _Said:
    """A head that somebody keeps; `place` says who."""

    place: str
    head: TreeHead


def check_ledger(installation: Installation, progress: Progress = silence.silent) -> LedgerChecked:
    """Return the comparison of everything there is; reads every event once. Raises RecordBroken for a broken trust file only."""
    walk = _Walk()
    stored, exported = _stored_heads(installation, walk), _exported_heads(installation, walk)
    said = [*stored, *exported, *_signers_head(installation, walk, has_heads=bool(stored or exported))]
    with installation.transaction() as session:
        size, nodes, pending = tree_size(session), count_nodes(session), count_pending(session)
    frontier = _walk_events(installation, walk, size, sorted({one.head.size for one in said}), progress)
    expected = sum(size >> level for level in range(1, 64))
    if nodes != expected:
        walk.note(f"{nodes} stored nodes where a tree of {size} events has {expected}")
    lost = _compare_heads(walk, said, size)
    return LedgerChecked(
        events=size, pending=pending, tickets=len(walk.chains), nodes=nodes, heads=len(stored), exported=len(exported), lost_heads=lost,
        root=root_of(frontier), findings=tuple(walk.findings),
    )  # fmt: skip


def _walk_events(installation: Installation, walk: _Walk, size: int, stops: Iterable[int], progress: Progress) -> Frontier:
    """Rebuild the tree; keep the root at every size of `stops` that it reaches."""
    frontier = EMPTY
    ends = sorted({*range(_READ_AT_ONCE, size, _READ_AT_ONCE), *(stop for stop in stops if 0 < stop < size), size} - {0})
    if 0 in stops or size == 0:
        walk.roots[0] = root_of(frontier)
    trust = installation.trust
    origins = {log.origin for log in trust.logs}
    keys = {entry.id: public_key(entry) for entry in trust.keys if entry.role in {REPORT_SIGNER, LOG_SIGNER}}
    for end in ends:
        with installation.transaction() as session:
            rows = rows_between(session, frontier.size, end)
            if [row.idx for row in rows] != list(range(frontier.size, end)):
                walk.note(
                    f"{end - frontier.size - len(rows)} event(s) missing between {frontier.size} and {end - 1}; nothing after was checked"
                )
                return frontier
            for row in rows:
                _check_event(walk, row, _as_bytes(row.leaf), origins, keys)
            grown = extend(frontier, [hash_leaf(_as_bytes(row.leaf)) for row in rows])
            _check_nodes(session, walk, grown.nodes)
        frontier = grown.frontier
        walk.roots[end] = root_of(frontier)
        progress("checking events", end, size)
    return frontier


def _as_bytes(leaf: object) -> bytes:
    """Return a leaf's bytes; SQLite keeps text where somebody wrote text, whatever the column says."""
    return leaf if isinstance(leaf, bytes) else str(leaf).encode()


def _check_event(walk: _Walk, row: EventRow, leaf: bytes, origins: set[str], keys: Mapping[str, PublicKey]) -> None:
    if row.leaf_hash != leaf_hash(leaf):
        walk.note(f"event {row.idx}: the stored hash is not that of its bytes")
    try:
        told: Any = json.loads(leaf)
        said = (told["idx"], told.get("ticket"), told.get("tseq"))
        log, kind, link = told["log"], told["type"], told.get("tprev", "")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        walk.note(f"event {row.idx}: its bytes are no event")
        return
    if said != (row.idx, row.ticket_id, row.ticket_seq):
        walk.note(f"event {row.idx}: its bytes say another index, ticket or place in its chain than the database")
    if log not in origins:
        walk.note(f"event {row.idx}: it is of a ledger that the trust file does not name")
    if row.ticket_id is not None:
        count, last = walk.chains.get(row.ticket_id, (0, ""))
        if (row.ticket_seq, link) != (count + 1, last):
            walk.note(f"event {row.idx}: it does not follow the one before it of ticket {row.ticket_id}")
        walk.chains[row.ticket_id] = (count + 1, leaf_hash(leaf))
    if kind == "log.restarted" and isinstance(told["data"], dict):
        walk.given_up.setdefault(str(told["data"].get("origin_before")), row.idx)
    if kind == "key.rotated":
        _check_rotation(walk, row.idx, told["data"], keys)


def _check_rotation(walk: _Walk, idx: int, fields: Any, keys: Mapping[str, PublicKey]) -> None:  # noqa: ANN401 - untrusted JSON
    """Both keys of a handover signed it. Keys of printed reports are in certificates, which are not kept by id."""
    if not isinstance(fields, dict) or fields.get("role") == PDF_SIGNER:
        return
    old, new = keys.get(str(fields.get("old"))), keys.get(str(fields.get("new")))
    if new is None or (old is None and fields.get("old") is not None):
        walk.note(f"event {idx}: a handover between keys that the trust file does not name")
        return
    try:
        verify_rotation(fields, old=old, new=new)
    except ValueError as refused:
        walk.note(f"event {idx}: {refused}")


def _check_nodes(session: Session, walk: _Walk, nodes: Iterable[tuple[int, int, bytes]]) -> None:
    levels: dict[int, dict[int, bytes]] = {}
    for level, pos, hashed in nodes:
        levels.setdefault(level, {})[pos] = hashed
    for level, made in levels.items():
        stored = nodes_between(session, level, min(made), max(made))
        for pos, hashed in made.items():
            if stored.get(pos) != hashed:
                walk.note(f"node {pos} of level {level} {'differs from' if pos in stored else 'is missing beside'} its events")


def _compare_heads(walk: _Walk, said: Iterable[_Said], size: int) -> int:
    lost = 0
    for one in said:
        head = one.head
        given_up = walk.given_up.get(head.origin)
        if given_up is not None and head.size > given_up:
            lost += 1
        elif head.size > size:
            walk.note(f"{one.place}: a head of {head.size} events, and the database has {size}")
        elif head.size in walk.roots and walk.roots[head.size] != head.root:
            walk.note(f"{one.place}: another root over the first {head.size} events than the events have")
    return lost


def _stored_heads(installation: Installation, walk: _Walk) -> list[_Said]:
    with installation.transaction() as session:
        rows = [(row.origin, row.size, row.note) for row in all_heads(session)]
    return _opened(installation, walk, ((f"stored head {size} of {origin}", origin, size, note) for origin, size, note in rows))


def _exported_heads(installation: Installation, walk: _Walk) -> list[_Said]:
    found = []
    for log in installation.trust.logs:
        for size in exported_sizes(installation.log_exports, log.origin):
            place = f"exported head {size} of {log.origin}"
            try:
                found.append((place, log.origin, size, read_exported(installation.log_exports, log.origin, size)))
            except (ValueError, OSError):
                walk.note(f"{place}: it cannot be read")
    return _opened(installation, walk, found)


def _opened(installation: Installation, walk: _Walk, notes: Iterable[tuple[str, str, int, str]]) -> list[_Said]:
    trust, said = installation.trust, []
    for place, origin, size, note in notes:
        try:
            head, _ = open_head(note, note_keys(trust, origin))
        except ValueError as refused:
            walk.note(f"{place}: it does not open by the trust file ({refused})")
            continue
        if (head.origin, head.size) != (origin, size):
            walk.note(f"{place}: it is kept under another name or size than its own")
        said.append(_Said(place, head))
    return said


def _signers_head(installation: Installation, walk: _Walk, *, has_heads: bool) -> list[_Said]:
    try:
        state = read_state(installation.log_state)
    except RecordBroken as broken:
        walk.note(broken.found)
        return []
    if state is None:
        if has_heads:
            walk.note("the signer's state is missing, though heads exist")
        return []
    if state.origin != installation.log:
        walk.note(f"the signer's state is of '{state.origin}', and the trust file names '{installation.log}'")
    return [_Said("the signer's state", TreeHead(origin=state.origin, size=state.size, root=state.root))]
