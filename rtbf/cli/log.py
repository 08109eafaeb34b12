"""`rtbf log …`: the ledger. Its events, its signed heads, proofs and receipts for others, and whether all of it holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.errors import DONE, FAULT, WAITING
from rtbf.cli.progress import shown_progress
from rtbf.errors import BadInput
from rtbf.evidence.strict_base64 import base64_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.installation import Installation
    from rtbf.pipeline.ledger import SealedHead
    from rtbf.pipeline.ledger_check import LedgerChecked


_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")
_SHOWN_DIGEST = 14
_SIZES = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")
_OUT = click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write; it must not exist.")


@click.group("log")
def log() -> None:
    """Show, sign, prove and check the ledger."""


@log.command("show")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def show(context: CliContext, ticket_id: str) -> None:
    """Show every event of a ticket, oldest first. Events hold no personal data."""
    from rtbf.ticket_view import ticket_events  # noqa: PLC0415 - the database layer, when it is needed

    events = [json.loads(leaf) for leaf in ticket_events(context.open_installation(), ticket_id)]
    emit(context, events, lambda: event_table(events))


@log.command("head")
@click.option("--sign", "is_signing", is_flag=True, help="Sign a new head over everything that happened.")
@click.pass_obj
def head(context: CliContext, is_signing: bool) -> None:  # noqa: FBT001 - click hands flags over by name
    """Show the newest signed tree head, after giving waiting events their places; with --sign, make it the newest possible."""
    from rtbf.evidence.signed_note import SIGNER_KIND, vkey_text  # noqa: PLC0415 - as above
    from rtbf.evidence.trust_file import note_keys  # noqa: PLC0415 - as above
    from rtbf.pipeline.ledger import newest_note, opened_head, seal_ledger, sequence_events, tree_size_of  # noqa: PLC0415 - as above

    installation = context.open_installation()
    sealed = seal_ledger(installation) if is_signing else None
    if sealed is None:
        sequence_events(installation)
    note = newest_note(installation)
    events = tree_size_of(installation)
    if note is None:
        emit(context, {"events": events, "head": None}, lambda: f"{events} event(s), no signed head yet: `rtbf log head --sign`")
        return
    found, opened = opened_head(installation, note)
    cosigned = [name for name, _ in opened.cosigned_at]
    shape = {"events": events, "head": {"origin": found.origin, "size": found.size, "root": found.root.hex(), "note": note}}
    keys = [vkey_text(key) for key in note_keys(installation.trust, found.origin) if key.kind == SIGNER_KIND]
    shape |= {"keys": keys, "cosigned": cosigned, "refused": [list(one) for one in sealed.refused] if sealed is not None else []}
    emit(context, shape, lambda: "\n".join(_head_lines(note, events, found.size, keys, cosigned, sealed)))


@log.command("prove")
@click.argument("what", metavar="TICKET|INDEX|M-N")
@_OUT
@click.pass_obj
def prove(context: CliContext, what: str, out: Path) -> None:
    """Write the proof that an event, or a ticket's first one, is under the newest signed head (C2SP tlog-proof).

    M-N proves that the ledger of N events begins with that of M: what an auditor who kept the head of either size hands to
    `rtbf-check --head FILE --consistency FILE`.
    """
    from rtbf.pipeline.ledger import consistency_of, first_index, newest_note, proof_of, sequence_events  # noqa: PLC0415 - as above

    installation = context.open_installation()
    sequence_events(installation)
    if sizes := _SIZES.fullmatch(what):
        first, second = int(sizes[1]), int(sizes[2])
        _write_new(out, consistency_of(installation, first, second).encode())
        emit(context, {"first": first, "second": second, "proof": str(out)}, lambda: f"{first} events of {second}: proof in {out}")
        return
    idx = int(what) if what.isascii() and what.isdigit() else first_index(installation, what)
    note = newest_note(installation)
    if note is None:
        raise BadInput(found="a ledger without a signed head", expected="one", remedy="`rtbf log head --sign`")
    _write_new(out, proof_of(installation, idx, note).encode())
    emit(context, {"index": idx, "proof": str(out)}, lambda: f"event {idx}: proof in {out}")


@log.command("receipt")
@click.argument("ticket_id", metavar="TICKET")
@_OUT
@click.pass_obj
def receipt(context: CliContext, ticket_id: str, out: Path) -> None:
    """Write the receipt of a request for the person who sent it: its event and the proof that it is in the signed ledger."""
    from rtbf.evidence.receipt import receipt_bytes  # noqa: PLC0415 - as above
    from rtbf.pipeline.ledger import intake_receipt  # noqa: PLC0415 - as above

    found = intake_receipt(context.open_installation(), ticket_id)
    if found is None:
        raise BadInput(
            found=f"no signed head that covers the arrival of {ticket_id}", expected="one", remedy="`rtbf log head --sign`, and ask again"
        )
    _write_new(out, receipt_bytes(found))
    emit(context, {"ticket_id": ticket_id, "receipt": str(out)}, lambda: f"receipt of {ticket_id} in {out}")


@log.command("check")
@click.argument("ticket_id", metavar="[TICKET]", required=False)
@click.pass_obj
def check(context: CliContext, ticket_id: str | None) -> int:
    """Check the whole ledger, or one ticket's chain. Exit code 5 when something does not fit.

    The whole: rebuild the tree from the raw events, and compare it with every stored node, every stored and exported head,
    and the signer's state. Does not show that nobody was shown another history: compare heads with those who keep them.
    """
    installation = context.open_installation()
    if ticket_id is not None:
        _check_ticket(context, installation, ticket_id)
        return DONE
    from rtbf.pipeline.ledger_check import check_ledger  # noqa: PLC0415 - as above

    with shown_progress() as progress:
        checked = check_ledger(installation, progress)
    shape = {
        "events": checked.events, "pending": checked.pending, "tickets": checked.tickets, "nodes": checked.nodes, "heads": checked.heads,
        "exported": checked.exported, "lost_heads": checked.lost_heads, "root": checked.root.hex(), "findings": list(checked.findings),
    }  # fmt: skip
    emit(context, shape, lambda: "\n".join(_check_lines(checked)))
    return FAULT if checked.findings else DONE


@log.command("restart")
@click.option("--reason", required=True, help="backup_restored, state_lost or history_changed.")
@click.option("--yes", "is_sure", is_flag=True, help="Do it; without, say what would happen.")
@click.pass_obj
def restart(context: CliContext, reason: str, is_sure: bool) -> int:  # noqa: FBT001 - click hands flags over by name
    """Begin the ledger anew under another name after a real loss. Everybody who checks a report will see the break."""
    from rtbf.pipeline.ledger_restart import restart_log  # noqa: PLC0415 - as above

    if not is_sure:
        raise BadInput(
            found="a restart without --yes",
            expected="somebody who is sure: it cannot be taken back, and auditors will ask",
            remedy="look for newer copies of database and signer's state first; then repeat the command with --yes",
        )
    done = restart_log(context.open_installation(), reason, context.actor)
    shape = {
        "origin": done.origin, "origin_before": done.lost.origin, "size_before": done.lost.size, "root_before": done.lost.root.hex(),
        "size": None if done.sealed is None else done.sealed.head.size,
    }  # fmt: skip
    lines = [f"the last head under {done.lost.origin} was over {done.lost.size} event(s)"]
    if done.sealed is None:
        lines.append(f"{done.origin} waits for the root: `rtbf key trust --root FILE`, and then this command again")
    else:
        lines.append(f"the ledger goes on as {done.origin}; its first head is over {done.sealed.head.size} event(s)")
        lines.append("give the new trust file to your auditors, and tell them why")
    emit(context, shape, lambda: "\n".join(lines))
    return WAITING if done.sealed is None else DONE


def _check_ticket(context: CliContext, installation: Installation, ticket_id: str) -> None:
    from rtbf.evidence.ledger import verify_chain  # noqa: PLC0415 - as above
    from rtbf.ticket_view import ticket_events  # noqa: PLC0415 - as above

    count, last = verify_chain(ticket_events(installation, ticket_id))
    emit(context, {"events": count, "last": last}, lambda: f"{count} event(s), unbroken; last {last}")


def _head_lines(note: str, events: int, size: int, keys: list[str], cosigned: list[str], sealed: SealedHead | None) -> list[str]:
    lines = [note.rstrip("\n"), ""]
    lines.append(f"{events - size} event(s) are newer than this head" if events > size else "every event is under this head")
    lines += [f"to be verified with {key} (C2SP, for witnesses and other readers)" for key in keys]
    lines.append("witnessed by " + ", ".join(cosigned) if cosigned else "no witness: self-attested")
    lines += [f"witness {name} did not sign ({code})" for name, code in ([] if sealed is None else sealed.refused)]
    return lines


def _check_lines(checked: LedgerChecked) -> list[str]:
    waiting = f", {checked.pending} more wait for their places" if checked.pending else ""
    lines = [
        f"{checked.events} event(s) of {checked.tickets} ticket(s){waiting}",
        f"{checked.nodes} node(s) of the tree, {checked.heads} stored and {checked.exported} exported head(s), the signer's state",
        f"root {base64_text(checked.root)}",
    ]
    if checked.lost_heads:
        lines.append(f"{checked.lost_heads} head(s) were given up by a restart; the event log.restarted names the last")
    lines += [f"FOUND: {finding}" for finding in checked.findings]
    return [*lines, "this is what does not fit; nothing was changed" if checked.findings else "everything fits"]


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist; raises BadInput."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as failed:
        raise BadInput(
            found=f"{path} cannot be written ({failed.strerror})", expected="a new file", remedy="choose another --out"
        ) from failed


def event_table(events: list[dict[str, Any]]) -> RenderableType:
    """Return a ticket's events as a table that fits 80 columns; digests are shortened, ids and names are not."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("#", "time (UTC)", "event, by whom", "move and facts"):
        table.add_column(column, overflow="fold", no_wrap=column != "move and facts", justify="right" if column == "#" else "left")
    for event in events:
        facts = dict(event["data"])
        move = " → ".join(facts.pop(end) for end in ("from", "to") if end in facts)
        told = ", ".join(f"{name} {_told(value)}" for name, value in sorted(facts.items()))
        moment = event["time"][:19].replace("T", "\n")
        event_and_actor = f"{event['type']}\n{event['actor']['id']}"
        table.add_row(str(event["tseq"]), moment, event_and_actor, "\n".join(filter(None, (move, told))))
    return table


def _told(value: object) -> str:
    """Return a fact's value in words: lists are counted out, what is absent is called none."""
    if isinstance(value, dict):
        return " ".join(f"{name} {_told(part)}" for name, part in sorted(value.items()))
    if isinstance(value, list):
        return "; ".join(_told(part) for part in value) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"{text[:_SHOWN_DIGEST]}…" if len(text) > _SHOWN_DIGEST and _DIGEST.fullmatch(text) else text
