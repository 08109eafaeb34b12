"""A home as the release before signed trust files left it: one plain report key, an unsigned trust file, nothing else."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import builders

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_NEWER = (
    "root.key", "root.passphrase", "pdf-ca.key", "report.key", "signing.passphrase", "log.key", "log.passphrase", "pdf.key", "pdf.pem",
)  # fmt: skip
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
REVOKED_AT = "2026-03-02T12:00:00.001Z"
"""A millisecond after the built report was issued: its approval holds."""


def make_older(home: Path) -> Ed25519PrivateKey:
    """Turn the home into one of the earlier release and return its report key; APPROVER's key is in its trust file, revoked."""
    for name in _NEWER:
        (home / "keys" / name).unlink()
    shutil.rmtree(home / "log")
    key = builders.signing_key()
    (home / "keys" / "report.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    trust = builders.with_approver(builders.trust_file(key.public_key(), SINCE), builders.approver_key().public_key(), SINCE)
    trust["keys"][1]["revoked_at"] = REVOKED_AT
    (home / "trust.json").write_text(json.dumps(trust, indent=2))
    return key
