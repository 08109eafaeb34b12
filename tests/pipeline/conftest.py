"""A ticket with a mail server in memory, for the tests of what is told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.desk import Desk, Mailbox, open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def desk(installation: Installation, mailbox: Mailbox) -> Desk:
    return open_desk(installation, mailbox=mailbox)
