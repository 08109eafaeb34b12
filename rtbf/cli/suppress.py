"""`rtbf suppress check|list|lift|rotate|export`: keep out of new data who asked to be left out.

`check` is a filter for pipelines. It passes what it could check and nothing else: without its key or its list it passes
nothing at all. Of the records it says places, verdicts and counts, never what was found; in the home it leaves counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.errors import DONE, FAULT, REFUSED, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from rich.console import RenderableType

    from rtbf.corpora.screening import JudgedLine
    from rtbf.installation import Installation
    from rtbf.vault.suppression_list import SuppressionList

_REASONS = ("review", "mistake", "person_asked", "court_order")
_file = click.Path(path_type=Path, dir_okay=False)


@click.group("suppress")
def suppress() -> None:
    """Keep people out of new data, by a list that does not name them."""


@suppress.command("check")
@click.option("--annotate", is_flag=True, help="Write every line's verdict instead of the allowed lines: {verdict, line, kinds}.")
@click.option("--quarantine", type=_file, help="Keep the lines that a person has to look at in this new file.")
@click.option("--list", "list_file", type=_file, help="Check by this exported list, without a home; needs --key and --trust.")
@click.option("--key", "key_file", type=_file, help="The list's key file, keys/suppression.json of the home it came from.")
@click.option("--trust", type=_file, help="The trust file of whoever exported the list.")
@click.pass_obj
def check(
    context: CliContext, quarantine: Path | None, list_file: Path | None, key_file: Path | None, trust: Path | None, *, annotate: bool
) -> int:
    """Filter JSON Lines from standard input to standard output.

    \b
    allow       nothing of the list occurs: the line is passed on as it is
    quarantine  a bare name or another weak sign, or a line that cannot be read: a person has to look
    drop        an address, a number, an account or a passage of somebody who asked to be left out

    Counts go to standard error. Exit codes: 0 nothing was held back, 1 something was, 5 nothing could be checked or the
    reader of the output went away: throw away what came out.
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from rtbf.corpora.screening import judge_lines  # noqa: PLC0415 - the readers, when they are needed

    given = [list_file, key_file, trust]
    if any(given) and not all(given):
        raise click.UsageError("an exported list is checked with all three: --list, --key and --trust")
    installation = None if list_file else context.open_installation()
    listed = _open_list(installation, list_file, key_file, trust)
    counted = _Counted()
    try:
        with _kept(quarantine) as kept:
            for judged in judge_lines(sys.stdin.buffer, listed):
                counted.add(judged)
                _write(judged, kept, annotate=annotate)
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads the output stopped early; exit 0 would say that everything was checked.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    if installation is not None:
        from rtbf.pipeline.suppression import note_check  # noqa: PLC0415 - the database layer, when it is needed

        note_check(installation, context.actor, counted.shape())
    click.echo(json.dumps(counted.shape(), sort_keys=True) if context.is_json else counted.told(), err=True)
    return REFUSED if counted.has_hits() else DONE


@suppress.command("list")
@click.pass_obj
def list_all(context: CliContext) -> None:
    """List the entries, the next to be reviewed first. None of them says whose it is."""
    from rtbf.store.suppression import listed_entries  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    with installation.transaction() as session:
        entries = [
            {
                "entry": entry.entry_id, "kind": entry.kind, "effect": entry.effect, "generation": entry.generation,
                "is_temporary": entry.is_temporary, "placed_in": f"{entry.placed_in:%Y-%m}", "review_on": f"{entry.review_at:%Y-%m-%d}",
                "lift_reason": entry.lift_reason,
            }
            for entry in listed_entries(session)
        ]  # fmt: skip
    emit(context, {"entries": entries}, lambda: _table(entries))


@suppress.command("lift")
@click.argument("entries", metavar="ENTRY…", nargs=-1, required=True)
@click.option("--reason", type=click.Choice(_REASONS), required=True, help="Why these entries are to go.")
@click.pass_obj
def lift(context: CliContext, entries: tuple[str, ...], reason: str) -> int:
    """Let the data of an entry in again. The first person asks; a second one runs the same command, and the entry is gone."""
    from rtbf.pipeline.suppression import lift_entries  # noqa: PLC0415 - the database layer, when it is needed

    done = lift_entries(context.open_installation(), entries, reason, context.actor)
    told = [f"{done.lifted} entr{'y' if done.lifted == 1 else 'ies'} lifted"] if done.lifted else []
    told += [f"{done.waiting} wait(s) for a second person: let a colleague run the same command"] if done.waiting else []
    emit(context, {"lifted": done.lifted, "waiting": done.waiting, "reason": reason}, lambda: "\n".join(told))
    return WAITING if done.waiting else DONE


@suppress.command("rotate")
@click.pass_obj
def rotate(context: CliContext) -> None:
    """Begin a generation of the list's key; entries made before stay checkable. Export the list anew afterwards."""
    from rtbf.pipeline.suppression import rotate_suppression_key  # noqa: PLC0415 - the database layer, when it is needed

    number = rotate_suppression_key(context.open_installation(), context.actor)
    emit(
        context,
        {"generation": number},
        lambda: f"generation {number} begins; earlier ones stay until no entry needs them\ngive the new key file to pipelines without home",
    )


@suppress.command("export")
@click.option("--out", type=_file, required=True, help="Where the signed list goes; nothing may be there yet.")
@click.pass_obj
def export(context: CliContext, out: Path) -> None:
    """Write the list, signed, for pipelines without access to this home. It holds no key: hand over keys/suppression.json apart."""
    from rtbf.clock import rfc3339  # noqa: PLC0415 - with the database layer
    from rtbf.pipeline.suppression_export import export_suppression  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    _require_free(out)
    made = export_suppression(installation, context.actor)
    _create(out, made.envelope)
    shape = {"file": str(out), "tokens": made.tokens, "created_at": rfc3339(made.created_at)}
    key = installation.home.suppression_keys
    emit(
        context,
        shape,
        lambda: (
            f"{made.tokens} token(s) in {out}, as of {shape['created_at']}\n"
            f"check with it: rtbf suppress check --list {out} --key {key.name} --trust {installation.home.trust.name}"
        ),
    )


class _Counted:
    """The verdicts of a run, counted. Kinds count lines, not places."""

    def __init__(self) -> None:
        self._verdicts: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()

    def add(self, judged: JudgedLine) -> None:
        self._verdicts[judged.verdict] += 1
        self._kinds.update(judged.kinds.keys())
        if judged.unread is not None:
            self._unread[judged.unread] += 1

    def has_hits(self) -> bool:
        return self._verdicts["allow"] < self._verdicts.total()

    def shape(self) -> dict[str, Any]:
        return {
            "lines": self._verdicts.total(),
            **{verdict: self._verdicts[verdict] for verdict in ("allow", "quarantine", "drop")},
            "kinds": dict(sorted(self._kinds.items())),
            "unread": dict(sorted(self._unread.items())),
        }

    def told(self) -> str:
        shape = self.shape()
        lines = [f"{shape['lines']} line(s): {shape['allow']} allowed, {shape['quarantine']} quarantined, {shape['drop']} dropped"]
        lines += [f"  hit: {count} × {kind}" for kind, count in shape["kinds"].items()]
        lines += [f"  unread, quarantined: {count} × {reason}" for reason, count in shape["unread"].items()]
        return "\n".join(lines)


def _open_list(installation: Installation | None, list_file: Path | None, key_file: Path | None, trust: Path | None) -> SuppressionList:
    if installation is not None:
        from rtbf.pipeline.suppression import load_list  # noqa: PLC0415 - the database layer, when it is needed

        with installation.transaction() as session:
            return load_list(session, installation)
    from rtbf.clock import rfc3339  # noqa: PLC0415 - with the readers
    from rtbf.pipeline.suppression_export import take_up_export  # noqa: PLC0415

    assert list_file is not None
    assert key_file is not None
    assert trust is not None
    taken = take_up_export(_read(list_file), _read(trust), key_file)
    click.echo(f"list of {rfc3339(taken.created_at)} with {taken.tokens} token(s)", err=True)
    return taken.listed


def _write(judged: JudgedLine, kept: BinaryIO | None, *, annotate: bool) -> None:
    if annotate:
        entry: dict[str, Any] = {"verdict": judged.verdict, "line": judged.number, "kinds": dict(judged.kinds)}
        if judged.unread is not None:
            entry["unread"] = judged.unread
        sys.stdout.buffer.write(json.dumps(entry, sort_keys=True).encode() + b"\n")
    elif judged.verdict == "allow" and judged.content is not None:
        sys.stdout.buffer.write(judged.content)
    # Dropped lines are kept nowhere: they would be one copy more of what somebody asked us to forget.
    if kept is not None and judged.verdict == "quarantine" and judged.content is not None:
        kept.write(judged.content if judged.content.endswith(b"\n") else judged.content + b"\n")


@contextlib.contextmanager
def _kept(path: Path | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    _require_free(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _create(path: Path, content: bytes) -> None:
    from rtbf.files import create_secret_file  # noqa: PLC0415 - when it is needed

    create_secret_file(path, content)


def _require_free(path: Path) -> None:
    from rtbf.errors import BadInput  # noqa: PLC0415 - on this failing path only

    if path.exists():
        raise BadInput(found=f"something at {path}", expected="a path where nothing is yet", remedy="name another file, or move that one")
    if not path.parent.is_dir():
        raise BadInput(found=f"no folder {path.parent}", expected="an existing folder", remedy="make it, or name another file")


def _read(path: Path) -> bytes:
    from rtbf.errors import SuppressionListUnavailable  # noqa: PLC0415 - on this failing path only

    try:
        return path.read_bytes()
    except OSError as failed:
        raise SuppressionListUnavailable(
            found=f"{path} cannot be read ({failed.strerror})", expected="a readable file", remedy="check the path; nothing was let through"
        ) from failed


def _table(entries: list[dict[str, Any]]) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.table import Table  # noqa: PLC0415

    if not entries:
        return "nobody is kept out"
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("entry", "kind", "effect", "since", "review on", ""):
        # An entry that is cut short cannot be lifted.
        table.add_column(name, no_wrap=True)
    for entry in entries:
        asked = f"lift asked: {entry['lift_reason']}" if entry["lift_reason"] else ""
        state = "open ticket" if entry["is_temporary"] else asked
        table.add_row(entry["entry"], entry["kind"], entry["effect"], entry["placed_in"], entry["review_on"], state)
    return table
