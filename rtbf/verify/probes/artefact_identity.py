"""F0: whether what is measured is what will be served.

Counted are mismatches: digest of the weights, tokenizer, dtype, and an adapter whose switch changes nothing. Such a
switch means that "unlearned" and "original" are one model, and every later number would compare it with itself. Zero is
the only good count; there is no tolerance. The verifier counts, for no score of an item can show it.
Source: PROTOCOL F0; specs/anchors/evaluators.md §5.1 and §5.6 (numbers of another model in the same folder).
"""

from __future__ import annotations

CARD = {
    "name": "artefact_identity",
    "probe_id": "F0",
    "title": "Identity of the artefact",
    "family": "gate",
    "role": "primary",
    "unit": "mismatches",
    "higher_is": "another artefact than the planned one",
    "direction": "lower_is_better",
    "margin": "0",
    "margin_origin": "exact: one mismatch is one too many",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "before",
    "test": "none",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "That the weights, tokenizer and number format that were measured are those named, and that a switch of the adapter acts.",
    "does_not_prove": "That an endpoint serves these files, or where they came from.",
    "source": "docs/verification.md",
}
