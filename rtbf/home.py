"""Where everything of one installation lies: one folder, mode 0700, that can be moved as a whole.

    rtbf.db        tickets, records, ledger (embedded default)
    keys/          vault.json, suppression.json, index.key, ticket-keys.db (embedded default);
                   report.key, log.key, pdf.key and pdf.pem, root.key and pdf-ca.key until they are moved away;
                   the passphrase files of vault, signing, log and root, unless they are named elsewhere
    trust.json     what auditors need to check our reports; trust-next.json waits for the root's signature
    log/           the log signer's state, and the signed tree heads, unless they are named elsewhere
    models/        models trained here, and unlearned ones
    shards/        sealed checkpoints and training logs of sharded models, by family
    artefacts/     adapters, training checkpoints and sealed score logs, by ticket
    corpora/       corpora made here (the demo's); others stay where their owner keeps them
    index/         search indexes
    reports/       issued statements
    outbox/        letters to be posted, when no mail server is set

Paths inside the home are stored relative to it; nothing in it says where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import HomeExists, HomeMissing
from rtbf.files import make_private_folder

if TYPE_CHECKING:
    from pathlib import Path

_FOLDERS = ("keys", "log", "models", "shards", "artefacts", "corpora", "index", "reports", "outbox")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one installation. `path` is absolute."""

    path: Path

    @property
    def database(self) -> Path:
        """Return the embedded database's file."""
        return self.path / "rtbf.db"

    @property
    def vault(self) -> Path:
        """Return the file of the keys, by epoch, that wrap every ticket's key."""
        return self.path / "keys" / "vault.json"

    @property
    def vault_passphrase(self) -> Path:
        """Return the passphrase of the vault file, unless the installation names one elsewhere."""
        return self.path / "keys" / "vault.passphrase"

    @property
    def suppression_keys(self) -> Path:
        """Return the file of the keys of suppression tokens, by generation."""
        return self.path / "keys" / "suppression.json"

    @property
    def index_key(self) -> Path:
        """Return the file of the key that links possible duplicates."""
        return self.path / "keys" / "index.key"

    @property
    def outbox(self) -> Path:
        """Return the folder of letters to be posted."""
        return self.path / "outbox"

    @property
    def report_key(self) -> Path:
        """Return the file of the key that signs reports."""
        return self.path / "keys" / "report.key"

    @property
    def log_key(self) -> Path:
        """Return the file of the key that signs tree heads."""
        return self.path / "keys" / "log.key"

    @property
    def pdf_key(self) -> Path:
        """Return the file of the key that signs printed reports."""
        return self.path / "keys" / "pdf.key"

    @property
    def pdf_certificates(self) -> Path:
        """Return the file of the PDF key's certificate, followed by its issuer's."""
        return self.path / "keys" / "pdf.pem"

    @property
    def root_key(self) -> Path:
        """Return where the key that signs the trust file lies until it is moved away."""
        return self.path / "keys" / "root.key"

    @property
    def pdf_ca_key(self) -> Path:
        """Return where the key that issues PDF certificates lies until it is moved away."""
        return self.path / "keys" / "pdf-ca.key"

    @property
    def signing_passphrase(self) -> Path:
        """Return the passphrase of report and PDF key, unless the installation names one elsewhere."""
        return self.path / "keys" / "signing.passphrase"

    @property
    def log_passphrase(self) -> Path:
        """Return the passphrase of the log key, unless the installation names one elsewhere."""
        return self.path / "keys" / "log.passphrase"

    @property
    def root_passphrase(self) -> Path:
        """Return the passphrase of root and PDF issuer, unless the installation names one elsewhere."""
        return self.path / "keys" / "root.passphrase"

    @property
    def trust(self) -> Path:
        """Return the file that auditors check reports with."""
        return self.path / "trust.json"

    @property
    def trust_draft(self) -> Path:
        """Return where a changed trust file waits for its root's signature."""
        return self.path / "trust-next.json"

    @property
    def log(self) -> Path:
        """Return the folder of the log signer."""
        return self.path / "log"

    @property
    def log_state(self) -> Path:
        """Return the file of what the log signer signed last, unless the installation names one elsewhere."""
        return self.log / "state.json"

    @property
    def heads(self) -> Path:
        """Return the folder that signed tree heads are exported to, unless the installation names one elsewhere."""
        return self.log / "heads"

    @property
    def models(self) -> Path:
        """Return the folder of weights made here."""
        return self.path / "models"

    def shards_of(self, family_id: str) -> Path:
        """Return the folder of one sharded training and all its later ones."""
        return self.path / "shards" / family_id

    @property
    def corpora(self) -> Path:
        """Return the folder of corpora made here."""
        return self.path / "corpora"

    def artefacts_of(self, ticket_id: str, attempt: int) -> Path:
        """Return the folder of one attempt's artefacts."""
        return self.ticket_artefacts(ticket_id) / str(attempt)

    def ticket_artefacts(self, ticket_id: str) -> Path:
        """Return the folder of everything that was made for one ticket."""
        return self.path / "artefacts" / ticket_id

    def report_of(self, ticket_id: str, report_id: str) -> Path:
        """Return the folder of one signed report."""
        return self.reports_of(ticket_id) / report_id

    def reports_of(self, ticket_id: str) -> Path:
        """Return the folder of all signed reports on one ticket."""
        return self.path / "reports" / ticket_id

    def stored_form(self, path: Path) -> str:
        """Return `path` as it goes into the database: relative when inside the home, so that the home can be moved."""
        absolute = path.resolve()
        return str(absolute.relative_to(self.path)) if absolute.is_relative_to(self.path) else str(absolute)

    def resolved(self, stored: str) -> Path:
        """Return the absolute path of what `stored_form` gave."""
        return self.path / stored


def existing_home(path: Path) -> Home:
    """Return the home at `path`; raises HomeMissing when `rtbf init` has not run there."""
    absolute = path.expanduser().resolve()
    if not (absolute / "keys").is_dir():
        raise HomeMissing(
            found=f"no rtbf home at {absolute}",
            expected="a folder made by `rtbf init`",
            remedy=f"run `rtbf --home {absolute} init`, or name another folder with --home or RTBF_HOME",
        )
    return Home(absolute)


def new_home(path: Path) -> Home:
    """Create the folders of a home; raises HomeExists when one is there, or when the folder holds other files."""
    absolute = path.expanduser().resolve()
    if (absolute / "keys").exists():
        raise HomeExists(
            found=f"an rtbf home at {absolute}", expected="an empty or absent folder", remedy="use it as it is, or choose another --home"
        )
    if absolute.exists() and (not absolute.is_dir() or any(absolute.iterdir())):
        raise HomeExists(
            found=f"{absolute} exists and is not an empty folder", expected="an empty or absent folder", remedy="choose another --home"
        )
    make_private_folder(absolute)
    absolute.chmod(0o700)
    for name in _FOLDERS:
        make_private_folder(absolute / name)
    return Home(absolute)
