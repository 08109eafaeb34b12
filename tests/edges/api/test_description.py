"""The page a person reads: every route is on it, and it loads nothing from anywhere. And what is said to a slip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


def test_the_description_names_every_route_with_its_example(anybody: TestClient) -> None:
    described = anybody.get("/openapi.json").json()["paths"]

    page = anybody.get("/docs")

    assert page.status_code == 200
    assert {f"{way.upper()} {path}" for path, ways in described.items() for way in ways} == set(re.findall(r"<h2><code>(.*?)<", page.text))
    assert "POST /v1/tickets" in page.text
    assert "jo@example.org" in page.text


def test_the_description_loads_nothing_from_anywhere(anybody: TestClient) -> None:
    page = anybody.get("/docs")

    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert re.findall(r"<script|<link|<img|https?://", page.text) == []


def test_a_forgotten_content_type_is_named(caller: TestClient) -> None:
    content = '{"subject":[{"kind":"name","value":"Jo Example"}]}'

    answer = caller.post("/v1/tickets", content=content, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "body", "message": "must be sent with Content-Type: application/json"}]


def test_a_wrong_path_is_never_repeated_in_a_redirect(caller: TestClient) -> None:
    answer = caller.post("/v1/tickets/", json={"subject": []}, follow_redirects=False)

    assert answer.status_code in {404, 405}
    assert "location" not in answer.headers
