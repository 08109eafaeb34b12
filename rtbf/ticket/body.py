"""Read the JSON of a submission strictly: small, whole, and saying each thing once. A refusal never repeats what was sent.

Python's reader keeps the last of two equal keys, where another program may keep the first: two systems would read two
persons into one body. So a repeated key is refused (RFC 8259 section 4 leaves it open; RFC 7493 section 2.3 forbids it).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rtbf.errors import BadInput

MAX_BODY_BYTES = 1 << 20


def read_body(raw: bytes) -> Any:  # noqa: ANN401 - untrusted JSON
    """Return the JSON value in `raw`; raises BadInput when it is too large, no UTF-8, no JSON, nested too deeply, or ambiguous."""
    if len(raw) > MAX_BODY_BYTES:
        raise _refusal("more than a submission can hold")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_with_single_keys, parse_constant=_no_number)
    except RecursionError:
        fault = "JSON that is nested too deeply"
    except _AmbiguousError as ambiguous:
        fault = str(ambiguous)
    except ValueError:
        # The text is not repeated, and the reader's own message is dropped with it: it is about a person.
        fault = "no UTF-8 JSON"
    # Raised out here: a chained exception would carry the text along.
    raise _refusal(fault)


class _AmbiguousError(ValueError):
    """A body that two programs may read differently; the text is ours."""


def _with_single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _AmbiguousError("a key that stands twice in one object")
    return read


def _no_number(_name: str) -> NoReturn:
    raise _AmbiguousError("NaN or Infinity, which JSON does not have")


def _refusal(found: str) -> BadInput:
    return BadInput(
        found=found,
        expected=f"one JSON object of at most {MAX_BODY_BYTES} bytes, as POST /v1/tickets takes it",
        remedy="correct it and submit again; nothing was stored",
    )
