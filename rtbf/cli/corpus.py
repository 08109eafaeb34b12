"""`rtbf corpus add|list|show`: the owner's data, by digest. Files stay where they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.progress import shown_progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.corpora.corpus import CorpusEntry
    from rtbf.registration import AddedCorpus

_REASONS_SHOWN = 10


@click.group("corpus")
def corpus() -> None:
    """Add, list and show corpora: what models learn from and where people are searched."""


@corpus.command("add")
@click.argument("name")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--connector", help="How to read the files; by default their suffix tells.")
@click.option("--prompt-field", help="Field that holds the prompt; by default the first records tell.")
@click.option("--completion-field", help="Field that holds what a model should say.")
@click.option("--with-suppressed", is_flag=True, help="Add it although it holds records of people who asked to be left out.")
@click.pass_obj
def add(
    context: CliContext,
    name: str,
    paths: tuple[Path, ...],
    connector: str | None,
    prompt_field: str | None,
    completion_field: str | None,
    *,
    with_suppressed: bool,
) -> None:
    """Add the files or folders PATH as the current version of the corpus NAME.

    The files are read where they lie and not copied. Adding an unchanged corpus again costs nothing.
    A source with records of people who asked to be left out is refused; `rtbf suppress check` takes them out. With
    --with-suppressed it is added to be searched; no training here uses these records.
    """
    # Loaded when used: the database layer takes a quarter of a second, which `rtbf --help` must not pay.
    from rtbf.registration import add_corpus  # noqa: PLC0415

    with shown_progress() as progress:
        added = add_corpus(
            context.open_installation(),
            name=name,
            paths=paths,
            actor=context.actor,
            connector_name=connector,
            prompt_field=prompt_field,
            completion_field=completion_field,
            with_suppressed=with_suppressed,
            progress=progress,
        )
    screened = added.screened
    shape = {
        **_shape(added.entry, is_current=added.is_current),
        "is_new": added.is_new,
        "is_moved": added.is_moved,
        "left_out_files": added.left_out,
        "unread_places": _unread_places(added.entry),
        "suppressed": None if screened is None else len(screened.dropped),
        "quarantined": None if screened is None else len(screened.quarantined),
    }
    emit(context, shape, lambda: _told(added))


@corpus.command("list")
@click.pass_obj
def list_all(context: CliContext) -> None:
    """List every version of every corpus; the newest of a name is its current one."""
    # As above.
    from rtbf.store.registry import all_corpora  # noqa: PLC0415

    with context.open_installation().transaction() as session:
        entries = all_corpora(session)
    current = {entry.version.name: entry.version.digest for entry in entries}
    shapes = [_shape(entry, is_current=current[entry.version.name] == entry.version.digest) for entry in entries]
    emit(context, {"corpora": shapes}, lambda: _table(shapes))


@corpus.command("show")
@click.argument("name")
@click.pass_obj
def show(context: CliContext, name: str) -> None:
    """Show the current version of the corpus NAME: its files, layout, digest, and what could not be read."""
    # As above.
    from rtbf.store.registry import current_corpus  # noqa: PLC0415

    with context.open_installation().transaction() as session:
        entry = current_corpus(session, name)
    shape = {**_shape(entry, is_current=True), "unread_places": _unread_places(entry)}
    emit(context, shape, lambda: _details(entry))


def _shape(entry: CorpusEntry, *, is_current: bool) -> dict[str, Any]:
    version = entry.version
    return {
        "name": version.name,
        "version": version.digest,
        "is_current": is_current,
        "connector": version.connector,
        "prompt_field": version.layout.prompt_field,
        "completion_field": version.layout.completion_field,
        "records": version.records,
        "unread": version.unread,
        "shards": [
            {
                "name": shard.name,
                "sha256": shard.sha256,
                "size_bytes": shard.size_bytes,
                "records": shard.records,
                "unread": len(shard.unread),
            }
            for shard in version.shards
        ],
    }


def _unread_places(entry: CorpusEntry) -> list[dict[str, Any]]:
    return [
        {"shard": shard.name, "position": unread.position, "reason": unread.reason}
        for shard in entry.version.shards
        for unread in shard.unread
    ]


def _told(added: AddedCorpus) -> str:
    version = added.entry.version
    state = "added" if added.is_new else "unchanged; its files' new place was noted" if added.is_moved else "unchanged"
    lines = [f"corpus {version.name} {state}: {version.records} records in {len(version.shards)} file(s), {version.unread} unread"]
    lines += _reasons(added.entry)
    if added.left_out:
        lines.append(f"{added.left_out} other file(s) in the folder are not read by '{version.connector}' and are not part of it")
    if added.screened is not None and added.screened.dropped:
        lines.append(f"{len(added.screened.dropped)} record(s) of people who asked to be left out: to be searched, never to be trained on")
    if added.screened is not None and added.screened.quarantined:
        lines.append(f"{len(added.screened.quarantined)} record(s) with the name of such a person, or of a namesake: have a look at them")
    if not added.is_current:
        lines.append("a later version is the current one; this one stays registered for the models that learned from it")
    fields = [field for field in (version.layout.prompt_field, version.layout.completion_field) if field is not None]
    return "\n".join([*lines, f"read by '{version.connector}' as {' → '.join(fields)}", version.digest])


def _reasons(entry: CorpusEntry) -> list[str]:
    """Return one line per reason, and the first places themselves."""
    places = _unread_places(entry)
    counted = [f"  unread: {count} × {reason}" for reason, count in Counter(place["reason"] for place in places).most_common()]
    first = [f"    {place['shard']}:{place['position']} {place['reason']}" for place in places[:_REASONS_SHOWN]]
    more = [f"    … and {len(places) - _REASONS_SHOWN} more (--json lists all)"] if len(places) > _REASONS_SHOWN else []
    return [*counted, *first, *more]


def _table(shapes: list[dict[str, Any]]) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.table import Table  # noqa: PLC0415

    table = Table("corpus", "records", "unread", "files", "connector", "current", "version")
    for shape in shapes:
        numbers = (str(shape["records"]), str(shape["unread"]), str(len(shape["shards"])))
        table.add_row(shape["name"], *numbers, shape["connector"], "yes" if shape["is_current"] else "", shape["version"][:19])
    return table


def _details(entry: CorpusEntry) -> RenderableType:
    # As above.
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    version = entry.version
    table = Table("file", "records", "unread", "bytes", "sha256", "lies at")
    for shard, location in zip(version.shards, entry.locations, strict=True):
        table.add_row(shard.name, str(shard.records), str(len(shard.unread)), str(shard.size_bytes), shard.sha256[:12], location)
    layout = f"prompt '{version.layout.prompt_field}', " if version.layout.prompt_field else ""
    head = (
        f"corpus {version.name} · {version.digest}\nconnector {version.connector}: {layout}completion '{version.layout.completion_field}'"
    )
    return Group(head, table, *_reasons(entry))
