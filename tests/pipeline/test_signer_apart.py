"""The log key may be kept from the processes that issue reports: they go on, and the signer's heads cover their work later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import IllegalMove, VaultLocked
from rtbf.installation import open_installation
from rtbf.pipeline.bundling import bundle_of
from rtbf.pipeline.ledger import is_signer, newest_sealed, seal_ledger
from rtbf.report.check.run import check_bundle
from tests.desk import Desk, open_desk
from tests.issued import issue

if TYPE_CHECKING:
    from rtbf.installation import Installation


@pytest.fixture
def worker(installation: Installation) -> Installation:
    """The same home, opened by an account that cannot read the log key's passphrase."""
    hidden = installation.home.log_passphrase.rename(installation.home.log_passphrase.with_suffix(".elsewhere"))
    opened = open_installation(installation.home.path, None, installation.clock, policy=installation.policy)
    assert not is_signer(opened)
    hidden.rename(installation.home.log_passphrase.with_suffix(".signer"))
    return opened


@pytest.fixture
def desk(worker: Installation) -> Desk:
    return replace(open_desk(worker), installation=worker).locate().erase().plan().approve().unlearn()


def test_a_report_is_issued_without_the_log_key_and_bundled_under_the_signers_next_head(installation: Installation, desk: Desk) -> None:
    report = issue(desk)
    with pytest.raises(IllegalMove, match=f"no signed head that covers the report {report.report_id}"):
        bundle_of(desk.installation, desk.ticket_id)
    before = newest_sealed(desk.installation)

    installation.home.log_passphrase.with_suffix(".signer").rename(installation.home.log_passphrase)
    head = seal_ledger(installation).head
    installation.home.log_passphrase.rename(installation.home.log_passphrase.with_suffix(".signer"))
    files = bundle_of(desk.installation, desk.ticket_id)

    assert before is None
    assert files["checkpoint"].split(b"\n")[1] == str(head.size).encode()
    assert check_bundle(files, installation.trust_bytes).status == "ok"


def test_nothing_is_signed_without_the_key(desk: Desk) -> None:
    with pytest.raises(VaultLocked):
        seal_ledger(desk.installation)

    assert newest_sealed(desk.installation) is None
