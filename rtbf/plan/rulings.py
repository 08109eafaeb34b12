"""What a person rules about items of a footprint, read from the words of a terminal, an API body, or a file in bulk.

A file is JSON Lines: {"item": "1-20" or "model:assistant", "verdict": "erase", "code": "…", "reasoning": "…"}. Either
every line is taken or none is. Refusals name lines and fields, never what stands in them: reasoning is about a person.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rtbf.errors import BadInput
from rtbf.plan.decisions import CODE_KIND, NEEDS_REASONING, CodeKind, ItemDecision, Verdict
from rtbf.plan.items import select_items
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.footprint.record import Footprint

MAX_REASONING = 4_000
MAX_FILE_BYTES = 8_000_000
_NAMED_FAULTS = 20
_MIN_LETTERS = 2

CodeOf = Callable[[CodeKind, str], str]
"""Returns the full code for a kind and what was written; raises BadInput for one that the ticket's regime does not know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """One verdict on one or more items, with its validated code. The reasoning is still in clear: seal it, then `ruled`."""

    items: tuple[str, ...]
    verdict: Verdict
    code: str | None
    reasoning: Secret | None


class RulingShape(BaseModel):
    """One line of a decisions file, or the body of an API call. `item` is one expression of `select_items`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    item: str = Field(min_length=1, max_length=2_000, repr=False)
    verdict: Verdict
    code: str | None = Field(default=None, max_length=80, repr=False)
    reasoning: str | None = Field(default=None, repr=False)


def rule(footprint: Footprint, shape: RulingShape, code_of: CodeOf) -> Ruling:
    """Return the ruling; raises BadInput for items the footprint does not have, and for a code or reasoning out of place.

    `erase` needs a ground code; `retain` an exemption code and reasoning; `restrict` reasoning; `not_about_subject`
    neither. The last two take no code. Reasoning is welcome with any verdict.
    """
    items = select_items(footprint, [shape.item])
    needed = CODE_KIND.get(shape.verdict)
    if needed is None and shape.code is not None:
        raise BadInput(found=f"a code for '{shape.verdict}'", expected="none", remedy="leave the code out, or change the verdict")
    if needed is not None and shape.code is None:
        raise BadInput(
            found=f"'{shape.verdict}' without a code",
            expected=f"the {needed} it rests on",
            remedy="name it with --code; see `rtbf decide -h`",
        )
    code = None if needed is None or shape.code is None else code_of(needed, shape.code)
    reasoning = None if shape.reasoning is None else _reasoning(shape.reasoning)
    if reasoning is None and shape.verdict in NEEDS_REASONING:
        raise BadInput(found=f"'{shape.verdict}' without reasoning", expected="the reasons in words", remedy="give them with --reasoning")
    return Ruling(items=items, verdict=shape.verdict, code=code, reasoning=reasoning)


def ruled(ruling: Ruling, *, reasoning_commitment: str | None, decided_by: str, decided_at: str) -> tuple[ItemDecision, ...]:
    """Return a decision for each item of the ruling. `reasoning_commitment` is over the sealed reasoning, None without any.

    Raises BadInput when one of reasoning and commitment is there without the other: a text that nobody sealed would be lost.
    """
    if (ruling.reasoning is None) != (reasoning_commitment is None):
        raise BadInput(found="a reasoning without commitment, or the reverse", expected="both or none", remedy="seal the reasoning first")
    return tuple(
        ItemDecision(
            item=item,
            verdict=ruling.verdict,
            code=ruling.code,
            reasoning_commitment=reasoning_commitment,
            decided_by=decided_by,
            decided_at=decided_at,
        )
        for item in ruling.items
    )


def read_decisions_file(content: bytes, footprint: Footprint, code_of: CodeOf) -> tuple[Ruling, ...]:
    """Return the file's rulings, one a line, in its order; blank lines do not count.

    Raises BadInput for a file above MAX_FILE_BYTES, not UTF-8, or empty, and otherwise one that names every faulty line
    by number (up to twenty of them in words). An item that two lines decide is a fault of the later line.
    """
    if len(content) > MAX_FILE_BYTES:
        raise BadInput(found=f"{len(content)} bytes of decisions", expected=f"at most {MAX_FILE_BYTES}", remedy="split the file")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as refused:
        raise BadInput(found=f"a byte that is no UTF-8 at {refused.start}", expected="a UTF-8 file", remedy="save it as UTF-8") from None
    rulings: list[Ruling] = []
    faults: list[str] = []
    decided: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            ruling = rule(footprint, _shape(line), code_of)
        except BadInput as refused:
            faults.append(f"line {number}: {refused.found}")
            continue
        earlier = sorted({decided[item] for item in ruling.items if item in decided})
        if earlier:
            faults.append(f"line {number}: an item that line {earlier[0]} decides already")
        decided.update(dict.fromkeys(ruling.items, number))
        rulings.append(ruling)
    if faults:
        more = f"; and {len(faults) - _NAMED_FAULTS} more" if len(faults) > _NAMED_FAULTS else ""
        raise BadInput(
            found=f"{len(faults)} faulty line(s) ({'; '.join(faults[:_NAMED_FAULTS])}{more})",
            expected='on each line {"item", "verdict", "code", "reasoning"} that the footprint and the regime allow',
            remedy="correct these lines; no line was taken",
        )
    if not rulings:
        raise BadInput(found="a file without decisions", expected="at least one line", remedy="check the file")
    return tuple(rulings)


def read_ruling(body: Any) -> RulingShape:  # noqa: ANN401 - untrusted JSON
    """Return the shape in `body`; raises BadInput naming every wrong field, never its value."""
    try:
        return RulingShape.model_validate(body)
    except ValidationError as refused:
        raise BadInput(
            found=f"wrong field(s): {', '.join(_fields(refused))}",
            expected="item and verdict (erase, retain, restrict, not_about_subject), and optionally code and reasoning",
            remedy="correct these fields",
        ) from None


def _shape(line: str) -> RulingShape:
    try:
        body = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BadInput(found="no JSON object, or a field that stands twice", expected="a JSON object", remedy="correct the line") from None
    return read_ruling(body)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of one object must not see two verdicts."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(len(pairs))
    return fields


def _fields(refused: ValidationError) -> Iterator[str]:
    for error in refused.errors(include_input=False, include_context=False, include_url=False):
        known = error["type"] != "extra_forbidden" and error["loc"]
        yield str(error["loc"][0]) if known else "(unknown field)" if error["loc"] else "(no object)"


def _reasoning(value: str) -> Secret:
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > MAX_REASONING:
        raise BadInput(found=f"a reasoning of {len(text)} characters", expected=f"at most {MAX_REASONING}", remedy="shorten it")
    # PostgreSQL and UTF-8 cannot hold lone surrogates; control characters would change how the text is shown.
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t" for character in text):
        raise BadInput(found="a reasoning with control characters", expected="plain text", remedy="remove them")
    if sum(character.isalpha() for character in text) < _MIN_LETTERS:
        raise BadInput(found="a reasoning without words", expected="the reasons in words", remedy="write them out")
    return Secret(text)
