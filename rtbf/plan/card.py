"""The registry: which methods, probes, locators and connectors exist, and what each says of itself.

A file's name is its entry: methods, probes, locators and connectors are found by listing their folders, third parties'
by entry points (`rtbf.methods`, `rtbf.probes`, `rtbf.locators`, `rtbf.connectors`). Each file has one literal
`CARD = {...}`, read with `ast` and validated here WITHOUT importing the file, so that planning, the API and the docs
need no torch; only `load` imports. A card is a statement by its author: this module proves its form, not its truth.
"""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import importlib.util
import re
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError

import rtbf
from rtbf.errors import BadInput, CardBroken, UnknownName
from rtbf.evidence.canonical import digest_bytes
from rtbf.plan.record import GuaranteeClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][+-]?[0-9]{1,2})?")

Kind = Literal["method", "probe", "locator", "connector"]
KINDS: tuple[Kind, ...] = ("method", "probe", "locator", "connector")

Lineage = Literal["any", "plain", "plain_lora", "sharded", "dp", "on_dp"]

Said = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
"""Text that a card must give: empty is not an answer."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One knob of a method. Numbers are text; `minimum` and `maximum` are included; `choices` belong to kind "choice"."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Said
    kind: Literal["int", "decimal", "choice"]
    default: str
    minimum: str | None = None
    maximum: str | None = None
    choices: tuple[str, ...] = ()
    meaning: Said
    source: Said


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodCard:
    """An unlearning method. `class_cap` is the most it may claim; `cost_formula` is in forward-token units (methods/00-COMMON).

    artefact   adapter: trained with the method's loss · weights: made anew by the method · none: nothing is changed
    works_on   what the lineage must say of a model: any · plain: trained here by that recipe, on a base without the records ·
               plain_lora: likewise, as an adapter that was merged · sharded · dp: itself trained privately · on_dp: fine-tuned here
               on a base that was
    trains_on  of a method that makes the weights anew, what it is given: the records that remain; of them, those of shards that
               are untouched; or nothing
    takes_effect   released: when the ticket closes on it · at_once: with the unlearning itself, before anything is measured
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Said
    title: Said
    paper: Said
    source: Said
    parameters: tuple[Parameter, ...] = ()
    needs: tuple[str, ...] = ()
    artefact: Literal["adapter", "weights", "none"]
    class_cap: GuaranteeClass
    cost_formula: Said
    works_on: tuple[Lineage, ...] = ("any",)
    trains_on: Literal["remaining", "untouched", "nothing"] = "remaining"
    takes_effect: Literal["released", "at_once"] = "released"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeCard:
    """A measurement. `margin` is decimal text in `unit`; `margin_origin` says who chose it and from what.

    items      the set it reads, or two joined by a plus (members, then non-members); `reads`: the kind of observation
    states     the states in which it looks at the artefact; "" is as served
    profile    the smallest profile that runs it
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Said
    probe_id: Said
    title: Said
    family: Literal["gate", "forget", "recovery", "restoration", "utility", "regression"]
    role: Literal["primary", "secondary", "reported"]
    unit: Said
    higher_is: Said
    direction: Literal["two_sided", "lower_is_better", "non_inferior"]
    margin: Said
    margin_origin: Said
    reads: Literal["score", "choice", "reply"]
    items: Said
    states: tuple[str, ...]
    baseline: Literal["control", "chance", "before"]
    test: Literal["records", "ranks", "best_rank", "trials", "none"]
    needs: Literal["", "adapter", "pack"]
    profile: Literal["smoke", "standard", "deep"]
    min_tokens: int
    proves: Said
    does_not_prove: Said
    source: Said


@dataclass(frozen=True, kw_only=True, slots=True)
class LocatorCard:
    """A way of finding a person: what it finds, what it misses, and the identifier kinds it can use."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Said
    title: Said
    finds: Said
    misses: Said
    kinds: tuple[str, ...]
    source: Said


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectorCard:
    """A reader of corpus files: the suffixes it takes and what it reads from them."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Said
    title: Said
    suffixes: tuple[str, ...]
    reads: Said
    source: Said


Card = MethodCard | ProbeCard | LocatorCard | ConnectorCard
C = TypeVar("C", bound=Card)

_SHAPES: dict[Kind, type[Card]] = {"method": MethodCard, "probe": ProbeCard, "locator": LocatorCard, "connector": ConnectorCard}
_PACKAGES: dict[Kind, str] = {
    "method": "rtbf.unlearn.methods",
    "probe": "rtbf.verify.probes",
    "locator": "rtbf.footprint.locators",
    "connector": "rtbf.corpora.connectors",
}


def method_cards() -> dict[str, MethodCard]:
    """Return every method's card by name, sorted; raises CardBroken for the first file whose card is not one."""
    return _cards("method", MethodCard)


def probe_cards() -> dict[str, ProbeCard]:
    """Return every probe's card by name, sorted; raises CardBroken, also when two probes share a `probe_id`."""
    cards = _cards("probe", ProbeCard)
    seen: dict[str, str] = {}
    for name, card in cards.items():
        twin = seen.setdefault(card.probe_id, name)
        if twin != name:
            raise _broken(f"{name}.py", f"probe_id '{card.probe_id}' is also that of '{twin}'", "an id of its own")
    return cards


def locator_cards() -> dict[str, LocatorCard]:
    """Return every locator's card by name, sorted; raises CardBroken."""
    return _cards("locator", LocatorCard)


def connector_cards() -> dict[str, ConnectorCard]:
    """Return every connector's card by name, sorted; raises CardBroken."""
    return _cards("connector", ConnectorCard)


def method_card(name: str) -> MethodCard:
    """Return one method's card; raises UnknownName with the nearest names. Other files' cards are not read."""
    return _read(_found("method", name)[1], MethodCard)


def probe_card(name: str) -> ProbeCard:
    """Return one probe's card; raises UnknownName with the nearest names."""
    return _read(_found("probe", name)[1], ProbeCard)


def locator_card(name: str) -> LocatorCard:
    """Return one locator's card; raises UnknownName with the nearest names."""
    return _read(_found("locator", name)[1], LocatorCard)


def connector_card(name: str) -> ConnectorCard:
    """Return one connector's card; raises UnknownName with the nearest names."""
    return _read(_found("connector", name)[1], ConnectorCard)


def code_digest(kind: Kind, name: str) -> str:
    """Return "sha256:…" over the bytes of the file: what a plan or footprint pins. Its imports are not covered."""
    return digest_bytes(_found(kind, name)[1].read_bytes())


def load(kind: Kind, name: str) -> ModuleType:
    """Import the file and return its module: the one function here that may wake torch. Raises UnknownName."""
    return importlib.import_module(_found(kind, name)[0])


def read_card(kind: Kind, path: Path) -> Card:
    """Return the card of one file without importing it; raises CardBroken that names the file and every fault."""
    return _read(path, _SHAPES[kind])


def parse_parameters(card: MethodCard, sets: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return every parameter of the card with its value as plain text, in the card's order; what is not set is the default.

    Equal numbers give equal text ("1e-4" and "0.00010" are "0.0001"), so that they give the same plan digest.
    Raises UnknownName for a parameter the card does not have, BadInput for a value of the wrong kind or out of range.
    """
    known = {parameter.name: parameter for parameter in card.parameters}
    for name in sets:
        if name not in known:
            raise UnknownName("parameter", name, known, f"rtbf method show {card.name}")
    values = []
    for name, parameter in known.items():
        text = sets.get(name, parameter.default)
        try:
            values.append((name, _value_text(parameter, text)))
        except ValueError as refused:
            raise BadInput(found=f"{name}={text[:40]!r}", expected=str(refused), remedy=f"see `rtbf method show {card.name}`") from refused
    return tuple(values)


def _cards(kind: Kind, shape: type[C]) -> dict[str, C]:
    return {name: _read(path, shape) for name, (_, path) in _entries(kind).items()}


def _found(kind: Kind, name: str) -> tuple[str, Path]:
    entries = _entries(kind)
    if name not in entries:
        raise UnknownName(kind, name, entries, f"rtbf {kind} list")
    return entries[name]


def _entries(kind: Kind) -> dict[str, tuple[str, Path]]:
    """Return name → (module, file), sorted by name: our folder first, then entry points, which may not take our names."""
    package = _PACKAGES[kind]
    folder = Path(rtbf.__file__).parent.joinpath(*package.split(".")[1:])
    entries = {path.stem: (f"{package}.{path.stem}", path) for path in folder.glob("*.py") if path.stem != "__init__"}
    for point in entry_points(group=f"rtbf.{kind}s"):
        if point.name in entries:
            raise _broken(point.value, f"entry point '{point.name}' takes the name of another {kind}", "a name of its own")
        if point.name != point.module.rpartition(".")[2]:
            raise _broken(point.value, f"entry point '{point.name}' is not named after its file", "the file's name")
        entries[point.name] = (point.module, _file_of(point.module))
    return dict(sorted(entries.items()))


def _file_of(module: str) -> Path:
    """Locate a module's file without importing it. `find_spec` on a dotted name would import the parents, so walk down."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    full_name = top
    for part in rest:
        places = None if spec is None else spec.submodule_search_locations
        full_name = f"{full_name}.{part}"
        spec = None if places is None else importlib.machinery.PathFinder.find_spec(full_name, list(places))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise _broken(module, "no source file", "an installed module with its .py file")
    return Path(spec.origin)


def _read(path: Path, shape: type[C]) -> C:
    try:
        card = TypeAdapter(shape).validate_python(_literal(path))
    except ValidationError as refused:
        faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in refused.errors()]
        raise _broken(path.name, "; ".join(faults), f"the fields of {shape.__name__}") from refused
    if card.name != path.stem:
        raise _broken(path.name, f"a card named '{card.name}'", f"'{path.stem}', the file's name")
    faults = list(_faults(card))
    if faults:
        raise _broken(path.name, "; ".join(faults), "values that agree with each other")
    return card


def _literal(path: Path) -> dict[str, Any]:
    """Return the value of the file's one module-level `CARD = {...}`."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as refused:
        raise _broken(path.name, "a file that is not Python", "Python source") from refused
    assigned = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id == "CARD"
    ]
    if len(assigned) != 1 or not isinstance(assigned[0], ast.Dict):
        raise _broken(path.name, f"{len(assigned)} module-level CARD assignments that count", "exactly one `CARD = {...}`")
    try:
        return dict(ast.literal_eval(assigned[0]))
    except (ValueError, TypeError) as refused:
        raise _broken(path.name, "a CARD with computed values", "literals only: text, integers, lists, dicts") from refused


def _faults(card: Card) -> Iterator[str]:
    """Yield what is well-formed but cannot be meant."""
    if isinstance(card, ProbeCard):
        if not _DECIMAL.fullmatch(card.margin) or Decimal(card.margin) < 0:
            yield f"margin '{card.margin}' is no decimal of at least 0"
        if card.min_tokens < 0:
            yield f"min_tokens {card.min_tokens} is negative"
        if not card.states or len(set(card.states)) != len(card.states):
            yield "states is empty or names one twice"
    if isinstance(card, MethodCard):
        names = [parameter.name for parameter in card.parameters]
        yield from (f"parameter '{name}' stands twice" for name in sorted({name for name in names if names.count(name) > 1}))
        for parameter in card.parameters:
            if (parameter.kind == "choice") != bool(parameter.choices):
                yield f"parameter '{parameter.name}': choices belong to kind 'choice', and it needs them"
                continue
            for bound in (parameter.minimum, parameter.maximum):
                if bound is not None and not _DECIMAL.fullmatch(bound):
                    yield f"parameter '{parameter.name}': bound '{bound}' is no decimal"
                    break
            else:
                try:
                    _value_text(parameter, parameter.default)
                except ValueError as refused:
                    yield f"parameter '{parameter.name}': default '{parameter.default}' is not {refused}"


def _value_text(parameter: Parameter, text: str) -> str:
    """Return `text` in its one plain form; raises ValueError whose message says what was expected."""
    if parameter.kind == "choice":
        if text not in parameter.choices:
            raise ValueError(f"one of {', '.join(parameter.choices)}")
        return text
    low = f" from {parameter.minimum}" if parameter.minimum is not None else ""
    high = f" to {parameter.maximum}" if parameter.maximum is not None else ""
    expected = f"{'an integer' if parameter.kind == 'int' else 'a decimal'}{low}{high}"
    if not (_INTEGER if parameter.kind == "int" else _DECIMAL).fullmatch(text):
        raise ValueError(expected)
    value = Decimal(text)
    is_low = parameter.minimum is not None and value < Decimal(parameter.minimum)
    is_high = parameter.maximum is not None and value > Decimal(parameter.maximum)
    if is_low or is_high:
        raise ValueError(expected)
    # Adding zero turns "-0" into "0"; "f" keeps small numbers out of the exponent form.
    return format(value.normalize() + 0, "f")


def _broken(file: str, found: str, expected: str) -> CardBroken:
    return CardBroken(found=f"{file}: {found}", expected=expected, remedy="mend the file's CARD; see docs/howto")
