"""The licence gate: what passes, what does not, and that silence is not consent."""

from __future__ import annotations

import pytest

from compliance.licences import is_allowed, refusal


def _package(name: str = "example", **stated: str) -> dict[str, str]:
    fields = {"License-Expression": "UNKNOWN", "License-Classifier": "UNKNOWN", "License-Metadata": "UNKNOWN"}
    return {"Name": name, "Version": "1.0", **fields, **{key.replace("_", "-"): value for key, value in stated.items()}}


@pytest.mark.parametrize(
    "expression",
    ["MIT", "Apache-2.0 OR GPL-3.0-only", "BSD-3-Clause AND Zlib", "Apache-2.0 WITH LLVM-exception", "(MIT OR GPL-2.0-only) AND ISC"],
)
def test_what_allowed_licences_satisfy_may_stay(expression: str) -> None:
    assert is_allowed(expression)


@pytest.mark.parametrize(
    "expression",
    ["GPL-3.0-only", "MIT AND GPL-3.0-only", "AGPL-3.0-or-later", "GPL-2.0-only OR LGPL-3.0-only", "UNKNOWN", "", "Do What You Like"],
)
def test_anything_else_may_not(expression: str) -> None:
    assert not is_allowed(expression)


def test_an_exception_is_for_one_package_under_one_licence() -> None:
    assert refusal(_package("psycopg", License_Expression="LGPL-3.0-only")) is None
    assert refusal(_package("psycopg", License_Expression="GPL-3.0-only")) == "GPL-3.0-only"
    assert refusal(_package("other", License_Expression="LGPL-3.0-only")) == "LGPL-3.0-only"


def test_a_package_that_says_nothing_is_refused() -> None:
    assert refusal(_package()) == "UNKNOWN"


def test_the_expression_wins_over_an_older_classifier() -> None:
    package = _package(License_Expression="GPL-3.0-only", License_Classifier="MIT License")

    assert refusal(package) == "GPL-3.0-only"


def test_several_classifiers_must_all_be_allowed() -> None:
    package = _package(License_Classifier="MIT License; GNU General Public License v3 (GPLv3)")

    assert refusal(package) is not None


def test_a_whole_licence_text_is_no_name() -> None:
    package = _package(License_Metadata="MIT " + "and much more text " * 10)

    assert refusal(package) == "UNKNOWN"
