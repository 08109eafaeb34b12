"""What one process runs when two share the tests that start servers or walk the journey."""

from __future__ import annotations

from tests.together import unit_of


def test_the_journey_is_one_unit_whatever_file_its_tests_stand_in() -> None:
    units = {unit_of("tests/journey/test_ticket.py::test_a"), unit_of("tests/journey/test_canary.py::test_b[tests/x.py::c]")}

    assert units == {"tests/journey/"}


def test_every_other_file_is_a_unit_of_its_own() -> None:
    ids = [
        "tests/integration/test_mail.py::test_a",
        "tests/integration/test_mail.py::test_b[1]",
        "tests/integration/test_ledger.py::test_a",
    ]

    assert [unit_of(nodeid) for nodeid in ids] == [
        "tests/integration/test_mail.py", "tests/integration/test_mail.py", "tests/integration/test_ledger.py",
    ]  # fmt: skip
