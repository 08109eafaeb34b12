"""`rtbf report` and `rtbf check`: hand a signed report out, and check one without trusting us."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.work import work_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

ITEMS_NAME = "items.json"
_FILE = click.Path(path_type=Path)


@click.command("report")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into; made if absent.")
@click.option("--again", is_flag=True, help="Issue the report anew first, as things stand now; it names the one it stands in for.")
@click.option(
    "--items",
    is_flag=True,
    help="Hand out the per-item log too (items.json): no text, but record ids of the corpus beside scores: pseudonymous personal data.",
)
@click.pass_obj
def report(context: CliContext, ticket_id: str, out: Path, *, again: bool, items: bool) -> None:
    """Write the ticket's newest signed report and its bundle into a folder.

    bundle.zip holds everything an auditor needs: the report, its events in the ledger, a fresh tree head, and the proofs.
    Report, PDF, time-stamp and trust file lie beside it. The bundle is checked here as an auditor would check it. A ticket
    that closed after its last report gets a new one first: only that one can say that the deadline was kept.
    """
    from rtbf.files import disk_errors_named, replace_file  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.issuing import reissue_report  # noqa: PLC0415 - the executor belongs to commands that run
    from rtbf.pipeline.bundling import bundle_of  # noqa: PLC0415
    from rtbf.pipeline.item_log import open_item_log  # noqa: PLC0415
    from rtbf.pipeline.reports import outdated_reports  # noqa: PLC0415
    from rtbf.report.bundle import BUNDLE_NAME, HANDED_OUT, PDF_NAME, TOKEN_NAME, write_bundle  # noqa: PLC0415
    from rtbf.report.check.outcome import result_line  # noqa: PLC0415
    from rtbf.report.check.run import check_bundle  # noqa: PLC0415
    from rtbf.ticket_view import view_ticket  # noqa: PLC0415

    installation = context.open_installation()
    if again or outdated_reports(installation, ticket_id):
        reissue_report(installation, ticket_id, context.actor, work=work_settings(context))
    item_log = open_item_log(installation, ticket_id, context.actor) if items else None
    files = bundle_of(installation, ticket_id)
    handed = {name: files[name] for name in HANDED_OUT if name in files} | {BUNDLE_NAME: write_bundle(files)}
    if item_log is not None:
        handed[ITEMS_NAME] = item_log
    with disk_errors_named(out.name):
        out.mkdir(parents=True, exist_ok=True)
        for name, content in handed.items():
            replace_file(out / name, content)
    result = result_line(check_bundle(files, installation.trust_bytes, items=item_log, now=installation.clock()))
    paths = [str(out / name) for name in handed]
    hint = f"rtbf-check {out / BUNDLE_NAME} --trust {out / 'trust.json'} --root {installation.trust.root}"
    issued = view_ticket(installation, ticket_id).report
    reasons = {} if issued is None else {PDF_NAME: issued.pdf_missing_because, TOKEN_NAME: issued.token_missing_because}
    missing = {name: reason for name, reason in reasons.items() if name not in files and reason is not None}
    shape = {"files": paths, "missing": missing, "checked": result, "root": installation.trust.root}
    without = [f"without {name}: {reason}" for name, reason in missing.items()]
    emit(context, shape, lambda: _handed_out([*paths, *without, f"checked here: {result}"], hint))


def _handed_out(lines: list[str], hint: str) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from rtbf.cli.drawing import command_text  # noqa: PLC0415

    told = [*lines, "check it anywhere; root and trust file by another path:"]
    return Group(*(Text(line) for line in told), command_text(hint))


@click.command("check")
@click.argument("file", type=_FILE)
@click.option("--trust", type=_FILE, required=True, help="The operator's trust.json, got by another path.")
@click.option("--root", metavar="FINGERPRINT", help="The trust file's root, from paper or contract.")
@click.option("--min-trust-version", type=int, metavar="N", help="The highest version of the trust file that you have seen.")
@click.option("--artefact", type=_FILE, help="The unlearned model's folder, to compare its files.")
@click.option("--token", type=_FILE, help="The time-stamp, when FILE is the envelope alone.")
@click.option("--pdf", type=_FILE, help="The printed view, when it is not in the bundle, or a copy of it.")
@click.option("--items", type=_FILE, help="The disclosed per-item log, to work the measurements out again.")
@click.option("--head", type=_FILE, help="A tree head that you kept, or got from somebody else.")
@click.option("--consistency", type=_FILE, help="The proof between that head and the bundle's, from the operator.")
@click.option("--receipt", type=_FILE, help="The receipt that the requester got at intake.")
@click.pass_obj
def check(context: CliContext, /, file: Path, **options: Path | str | int | None) -> int:
    """Check a bundle, a signed report or a receipt, offline; the same as `rtbf-check`. 0 good, 1 bad, 3 cannot be decided."""
    # The options are those of `rtbf-check`, and are handed on by their names: it alone knows what they mean.
    from rtbf.report.check.main import main  # noqa: PLC0415 - cryptography, when it is needed

    arguments = [str(file)]
    for name, value in options.items():
        arguments += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    return main([*arguments, "--json"] if context.is_json else arguments)
