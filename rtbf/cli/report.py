"""`rtbf report` and `rtbf check`: hand a signed report out, and check one without trusting us."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from rtbf.cli.context import CliContext, emit


@click.command("report")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to copy into; made if absent.")
@click.pass_obj
def report(context: CliContext, ticket_id: str, out: Path) -> None:
    """Copy the ticket's newest signed report (JSON envelope, PDF, trust file) to a folder."""
    from rtbf.files import disk_errors_named  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.ticket_view import report_folder  # noqa: PLC0415

    folder = report_folder(context.open_installation(), ticket_id)
    with disk_errors_named(out.name):
        out.mkdir(parents=True, exist_ok=True)
        files = [Path(shutil.copy2(path, out / path.name)) for path in sorted(folder.iterdir())]
    lines = "\n".join(str(path) for path in files)
    hint = f"check it anywhere: rtbf-check {out / 'report.dsse.json'} --trust {out / 'trust.json'}"
    emit(context, {"files": [str(path) for path in files]}, lambda: f"{lines}\n{hint}")


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--trust", type=click.Path(path_type=Path), required=True, help="The operator's trust.json, got by another path.")
@click.option("--artefact", type=click.Path(path_type=Path), help="The unlearned model's folder, to compare its files.")
@click.option("--pdf", type=click.Path(path_type=Path), help="The printed view, report.pdf.")
@click.pass_obj
def check(context: CliContext, file: Path, trust: Path, artefact: Path | None, pdf: Path | None) -> int:
    """Check a signed report, offline; the same as `rtbf-check`. 0 good, 1 bad, 3 cannot be decided."""
    from rtbf.report.check.main import main  # noqa: PLC0415 - cryptography, when it is needed

    arguments = [str(file), "--trust", str(trust)]
    arguments += ["--artefact", str(artefact)] if artefact is not None else []
    arguments += ["--pdf", str(pdf)] if pdf is not None else []
    return main([*arguments, "--json"] if context.is_json else arguments)
