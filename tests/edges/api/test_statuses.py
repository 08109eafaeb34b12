"""Every kind of error has a status of its own choosing; none falls to the catch-all by being forgotten."""

from __future__ import annotations

import inspect
from http import HTTPStatus

import pytest

from rtbf import errors
from rtbf.api import problems
from rtbf.api.problems import status_of, status_of_kind
from rtbf.errors import Fault, Outage, Refusal, RTBFError, UnknownName

EXPECTED = {
    "unauthorised": 401,
    "four-eyes": 403, "identity-refused": 403, "signature-refused": 403,
    "not-acceptable": 406,
    "illegal-move": 409, "stale-plan": 409, "ticket-busy": 409, "extension-refused": 409,
    "plan-impossible": 409, "training-restricted": 409, "corpus-changed": 409, "home-exists": 409, "letter-incomplete": 409,
    "suppressed-records": 409, "witness-refused": 409,
    "ticket-shredded": 410, "identity-expired": 410,
    "ticket-changed": 412,
    "body-too-large": 413,
    "bad-input": 422, "unknown-name": 422, "idempotency-key-reused": 422, "corpus-unreadable": 422, "model-folder-refused": 422,
    "letter-refused": 422, "evidence-refused": 422, "wrong-body": 422,
    "precondition-missing": 428,
    "identity-exhausted": 429,
    "home-missing": 503, "schema-behind": 503, "schema-too-new": 503, "extra-missing": 503,
    # Faults that end when somebody restores a key or a list: domain.md section 4 wants an ingest to fail closed.
    "suppression-key-unavailable": 503, "suppression-list-unavailable": 503,
}  # fmt: skip


def kinds() -> list[type[RTBFError]]:
    found = [kind for module in (errors, problems) for _, kind in inspect.getmembers(module, inspect.isclass)]
    branches = {RTBFError, Refusal, Fault, Outage}
    return sorted({kind for kind in found if issubclass(kind, RTBFError) and kind not in branches}, key=lambda kind: kind.__name__)


def code_of(kind: type[RTBFError]) -> str:
    return kind.__new__(kind).code


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_has_the_status_that_callers_rely_on(kind: type[RTBFError]) -> None:
    status = status_of_kind(kind)

    if issubclass(kind, Refusal):
        assert status.value == EXPECTED[code_of(kind)]
    else:
        assert status in (
            {HTTPStatus.SERVICE_UNAVAILABLE} if issubclass(kind, Outage) else {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus(503)}
        )


def test_the_table_above_names_no_kind_that_is_gone() -> None:
    refusals = {code_of(kind) for kind in kinds() if issubclass(kind, Refusal)}

    assert set(EXPECTED) == refusals | {"suppression-key-unavailable", "suppression-list-unavailable"}


@pytest.mark.parametrize(("kind", "status"), [("ticket", 404), ("identity check", 404), ("model", 422), ("regime", 422)])
def test_an_unknown_name_is_not_found_where_it_stood_in_the_path(kind: str, status: int) -> None:
    assert status_of(UnknownName(kind, "x", (), "rtbf list")).value == status
