"""Change nothing. The control that shows whether the verifier can fail: where the original knew the data, it must FAIL."""

from __future__ import annotations

CARD = {
    "name": "noop",
    "title": "No operation (negative control)",
    "paper": "none: the untouched model",
    "source": "docs/verification.md: it must FAIL where the original knew the data",
    "parameters": [],
    "needs": [],
    "artefact": "none",
    "class_cap": "none",
    "cost_formula": "0",
    "warnings": ["A control, not a remedy: the weights stay as they are."],
}
