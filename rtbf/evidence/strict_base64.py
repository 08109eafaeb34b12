"""Base64 of which each content has one text only: two texts for one signature would be two files for one report.

Source: RFC 4648 §4 (standard alphabet, with padding) and §3.5 (no stray bits in the last character). Standard library only.
"""

from __future__ import annotations

import base64


def base64_text(content: bytes) -> str:
    """Return standard base64, padded, on one line."""
    return base64.standard_b64encode(content).decode()


def read_base64(text: str) -> bytes:
    """Return the bytes in standard base64; ValueError, repeating nothing, unless the text is the only one for them."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("not standard base64") from None
    if base64_text(content) != text:
        raise ValueError("not canonical base64")
    return content
