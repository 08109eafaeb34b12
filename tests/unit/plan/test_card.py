"""Cards: what is read, what is refused, and that nothing is imported on the way."""

from __future__ import annotations

import hashlib
import sys
from copy import deepcopy
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

import rtbf
from rtbf.errors import BadInput, CardBroken, UnknownName
from rtbf.plan import card as registry
from rtbf.plan.card import MethodCard, ProbeCard, parse_parameters, read_card

METHOD: dict[str, Any] = {
    "name": "push_away",
    "title": "Push away",
    "paper": "A. Nobody, Example 2026",
    "source": "written from the paper's equation 3",
    "parameters": [
        {
            "name": "beta",
            "kind": "decimal",
            "default": "0.1",
            "minimum": "0.001",
            "maximum": "5",
            "meaning": "sharpness",
            "source": "eq. 3",
        },
        {"name": "epochs", "kind": "int", "default": "5", "minimum": "1", "maximum": "50", "meaning": "passes", "source": "table 2"},
        {"name": "retain", "kind": "choice", "default": "nll", "choices": ["nll", "kl"], "meaning": "retain term", "source": "eq. 5"},
    ],
    "needs": ["retain"],
    "artefact": "adapter",
    "class_cap": "approximate",
    "cost_formula": "2.0 * forget_tokens",
    "warnings": [],
}

PROBE: dict[str, Any] = {
    "name": "loud_recall",
    "probe_id": "X1",
    "title": "Loud recall",
    "family": "forget",
    "unit": "share of items",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.02",
    "margin_origin": "protocol",
    "role": "primary",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 8,
    "proves": "that it was said",
    "does_not_prove": "that it cannot be said",
    "source": "Nobody 2026, section 2",
}


def _write(folder: Path, card: dict[str, Any], stem: str | None = None) -> Path:
    path = folder / f"{stem or card['name']}.py"
    path.write_text(f'"""A method."""\n\nimport a_package_that_does_not_exist\n\nCARD = {card!r}\n')
    return path


def _changed(card: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return deepcopy(card) | changes


def test_a_card_is_read_without_importing_its_file(tmp_path: Path) -> None:
    path = _write(tmp_path, METHOD)

    card = read_card("method", path)

    assert isinstance(card, MethodCard)
    assert card.name == "push_away"
    assert [parameter.name for parameter in card.parameters] == ["beta", "epochs", "retain"]
    assert card.parameters[2].choices == ("nll", "kl")
    assert "a_package_that_does_not_exist" not in sys.modules


def test_a_probe_card_keeps_its_margin_as_text(tmp_path: Path) -> None:
    path = _write(tmp_path, PROBE)

    card = read_card("probe", path)

    assert isinstance(card, ProbeCard)
    assert card.margin == "0.02"


@pytest.mark.parametrize(
    ("card", "named"),
    [
        (_changed(METHOD, class_cap="certain"), "class_cap"),
        (_changed(METHOD, paper=" "), "paper"),
        (_changed(METHOD, surprise="yes"), "surprise"),
        ({key: value for key, value in METHOD.items() if key != "source"}, "source"),
        (_changed(METHOD, parameters=[METHOD["parameters"][0] | {"default": "9"}]), "default '9'"),
        (_changed(METHOD, parameters=[METHOD["parameters"][0] | {"minimum": "low"}]), "bound 'low'"),
        (_changed(METHOD, parameters=[METHOD["parameters"][0] | {"choices": ["a"]}]), "choices"),
        (_changed(METHOD, parameters=[METHOD["parameters"][2] | {"choices": []}]), "choices"),
        (_changed(METHOD, parameters=[METHOD["parameters"][0]] * 2), "'beta' stands twice"),
    ],
)
def test_a_broken_method_card_names_the_file_and_the_fault(tmp_path: Path, card: dict[str, Any], named: str) -> None:
    path = _write(tmp_path, card)

    with pytest.raises(CardBroken) as refused:
        read_card("method", path)

    assert "push_away.py" in refused.value.found
    assert named in refused.value.found


@pytest.mark.parametrize(
    ("field", "value"), [("margin", "-0.1"), ("margin", "nan"), ("margin", "1_0"), ("min_tokens", -1), ("margin", 0.02)]
)
def test_a_probe_card_with_an_impossible_number_is_refused(tmp_path: Path, field: str, value: object) -> None:
    path = _write(tmp_path, _changed(PROBE, **{field: value}))

    with pytest.raises(CardBroken) as refused:
        read_card("probe", path)

    assert field in refused.value.found


def test_every_fault_of_a_card_is_named_at_once(tmp_path: Path) -> None:
    path = _write(tmp_path, _changed(METHOD, class_cap="certain", artefact="brain"))

    with pytest.raises(CardBroken) as refused:
        read_card("method", path)

    assert "class_cap" in refused.value.found
    assert "artefact" in refused.value.found


def test_a_card_must_have_the_name_of_its_file(tmp_path: Path) -> None:
    path = _write(tmp_path, METHOD, stem="pull_near")

    with pytest.raises(CardBroken) as refused:
        read_card("method", path)

    assert "push_away" in refused.value.found
    assert "pull_near" in refused.value.expected


@pytest.mark.parametrize(
    "source",
    [
        '"""No card."""\n',
        "CARD = {}\nCARD = {}\n",
        "CARD = dict(name='x')\n",
        "CARD = {'name': open('/etc/hostname').read()}\n",
        "CARD = {'name': 'x', **OTHER}\n",
        "CARD = ['name']\n",
        "def method(:\n",
        "CARD = {'name': '\x00'}\n",
    ],
)
def test_what_is_no_literal_card_is_refused(tmp_path: Path, source: str) -> None:
    path = tmp_path / "x.py"
    path.write_text(source)

    with pytest.raises(CardBroken) as refused:
        read_card("method", path)

    assert "x.py" in refused.value.found


def test_defaults_fill_what_is_not_set_in_the_cards_order(tmp_path: Path) -> None:
    card = read_card("method", _write(tmp_path, METHOD))
    assert isinstance(card, MethodCard)

    values = parse_parameters(card, {"epochs": "3"})

    assert values == (("beta", "0.1"), ("epochs", "3"), ("retain", "nll"))


@pytest.mark.parametrize(("written", "plain"), [("1e-2", "0.01"), ("0.010", "0.01"), (".01", "0.01"), ("+5", "5"), ("5.00", "5")])
def test_equal_numbers_give_equal_text(tmp_path: Path, written: str, plain: str) -> None:
    card = read_card("method", _write(tmp_path, METHOD))
    assert isinstance(card, MethodCard)

    values = dict(parse_parameters(card, {"beta": written}))

    assert values["beta"] == plain


@pytest.mark.parametrize("bound", ["0.001", "5"])
def test_bounds_are_included(tmp_path: Path, bound: str) -> None:
    card = read_card("method", _write(tmp_path, METHOD))
    assert isinstance(card, MethodCard)

    values = dict(parse_parameters(card, {"beta": bound}))

    assert values["beta"] == bound


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("beta", "0.0009", "a decimal from 0.001 to 5"),
        ("beta", "5.1", "a decimal from 0.001 to 5"),
        ("beta", "nan", "a decimal"),
        ("beta", "Infinity", "a decimal"),
        ("beta", "1_0", "a decimal"),
        ("beta", "\uff11", "a decimal"),  # a full-width one
        ("beta", "", "a decimal"),
        ("epochs", "2.5", "an integer from 1 to 50"),
        ("epochs", "1e1", "an integer"),
        ("retain", "NLL", "one of nll, kl"),
    ],
)
def test_a_value_outside_its_range_is_refused_with_the_range(tmp_path: Path, name: str, text: str, expected: str) -> None:
    card = read_card("method", _write(tmp_path, METHOD))
    assert isinstance(card, MethodCard)

    with pytest.raises(BadInput) as refused:
        parse_parameters(card, {name: text})

    assert refused.value.found.startswith(f"{name}=")
    assert expected in refused.value.expected


def test_an_unknown_parameter_offers_the_nearest(tmp_path: Path) -> None:
    card = read_card("method", _write(tmp_path, METHOD))
    assert isinstance(card, MethodCard)

    with pytest.raises(UnknownName) as refused:
        parse_parameters(card, {"epoch": "3"})

    assert "epochs" in refused.value.expected


def test_an_unknown_method_offers_the_nearest() -> None:
    with pytest.raises(UnknownName) as refused:
        registry.method_card("npos")

    assert "npo" in refused.value.expected
    assert "rtbf method list" in refused.value.remedy


def test_the_code_digest_is_the_sha256_of_the_file() -> None:
    path = Path(rtbf.__file__).parent / "unlearn" / "methods" / "npo.py"

    digest = registry.code_digest("method", "npo")

    assert digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def _install(folder: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, module: str) -> None:
    """Put a third party's package on the path and its entry point into the metadata."""
    package = folder / "their_package"
    (package / "inner").mkdir(parents=True)
    for init in (package, package / "inner"):
        (init / "__init__.py").write_text("raise RuntimeError('imported')\n")
    _write(package / "inner", METHOD)
    monkeypatch.syspath_prepend(str(folder))
    point = EntryPoint(name=name, value=module, group="rtbf.methods")
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([point] if group == "rtbf.methods" else []))


def test_a_third_partys_method_is_found_without_importing_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, monkeypatch, name="push_away", module="their_package.inner.push_away")

    cards = registry.method_cards()

    assert cards["push_away"].title == "Push away"
    assert list(cards) == sorted(cards)
    assert "their_package" not in sys.modules


@pytest.mark.parametrize(
    ("name", "module", "found"),
    [
        ("npo", "their_package.inner.npo", "takes the name"),
        ("shove", "their_package.inner.push_away", "not named after its file"),
        ("missing", "their_package.inner.missing", "no source file"),
        ("push_away", "no_such_package.push_away", "no source file"),
    ],
)
def test_a_broken_entry_point_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, found: str) -> None:
    _install(tmp_path, monkeypatch, name=name, module=module)

    with pytest.raises(CardBroken) as refused:
        registry.method_cards()

    assert found in refused.value.found


def test_two_probes_with_one_id_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "their_probes"
    package.mkdir()
    for name in ("first_recall", "second_recall"):
        _write(package, _changed(PROBE, name=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint(name=name, value=f"their_probes.{name}", group="rtbf.probes") for name in ("first_recall", "second_recall")]
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(points if group == "rtbf.probes" else []))

    with pytest.raises(CardBroken) as refused:
        registry.probe_cards()

    assert "X1" in refused.value.found
    assert "first_recall" in refused.value.found


def test_loading_gives_the_module_of_the_file() -> None:
    module = registry.load("connector", "jsonl")

    assert module.__name__ == "rtbf.corpora.connectors.jsonl"
