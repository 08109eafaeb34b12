"""`/docs`: the API's description as one plain page, made from the same OpenAPI document that `/openapi.json` gives.

No script and nothing from another server: the page must work on a machine without Internet, and tell nobody who reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre, code { background: #f3f3f3 }
pre { padding: .7rem; overflow: auto }
"""


@router.get("/docs")
def describe_api(request: Request) -> HTMLResponse:
    """Show every route with what it takes and answers."""
    return HTMLResponse(_page(request.app.openapi()), headers=_HEADERS)


def _page(description: dict[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    about = description["info"]
    title = f"{about['title']} {about['version']}"
    routes = "\n".join("\n".join(_route(way, path, route)) for path, ways in description["paths"].items() for way, route in ways.items())
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n'
        f"<h1>{escape(title)}</h1>\n<p>{escape(about['summary'])}</p>\n"
        "<p>Every call under <code>/v1</code> carries <code>Authorization: Bearer TOKEN</code>, from <code>rtbf token create NAME</code>. "
        "Refusals are RFC 9457 problem documents. "
        'For programs: <a href="/openapi.json">/openapi.json</a>, with the shape of every body.</p>\n'
        f"{routes}\n</body></html>\n"
    )


def _route(way: str, path: str, route: dict[str, Any]) -> Iterator[str]:
    """Yield the parts of one route: heading, promise, example body, answers."""
    yield f"<h2><code>{escape(way.upper())} {escape(path)}</code></h2>\n<p>{escape(route['description'])}</p>"
    for content in route.get("requestBody", {}).get("content", {}).values():
        for name, example in content.get("examples", {}).items():
            yield f"<p>For example, {escape(name)}:</p>\n<pre>{escape(json.dumps(example['value'], indent=2))}</pre>"
    answers = "".join(
        f"<li><code>{escape(code)}</code> {escape(answer['description'])}: {escape(', '.join(answer.get('content', {})))}</li>"
        for code, answer in sorted(route["responses"].items())
    )
    yield f"<ul>{answers}</ul>"
