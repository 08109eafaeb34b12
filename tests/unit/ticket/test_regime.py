"""Regime packs: complete, sourced, pinned by digest; a pack that was edited wrongly never reaches a clock."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from importlib.resources import files

import pytest

from rtbf.errors import PackBroken, UnknownName
from rtbf.ticket.regime import Period, Regime, WorkingDays, load_regime, parse_regime, regime_names

EU = (files("rtbf.ticket") / "regimes" / "eu-gdpr.yaml").read_text(encoding="utf-8")
NO_RULES = {"name", "title", "version", "sources"}


def test_the_packs_of_this_release_are_these() -> None:
    assert regime_names() == ("eu-gdpr", "uk-gdpr", "us-ca-ccpa", "voluntary")


@pytest.mark.parametrize(
    ("name", "answer", "extend_to", "acknowledge", "effect", "roll", "retention"),
    [
        ("eu-gdpr", "1 month", "3 months", 3, "suspends", "next_working_day", "36 months"),
        ("uk-gdpr", "1 month", "3 months", 3, "starts", "next_working_day", "72 months"),
        ("us-ca-ccpa", "45 days", "90 days", 10, "none", "none", "24 months"),
        ("voluntary", "1 month", "None", 3, "suspends", "next_working_day", "12 months"),
    ],
)
def test_each_pack_says_what_its_law_says(
    name: str, answer: str, extend_to: str, acknowledge: int, effect: str, roll: str, retention: str
) -> None:
    pack = load_regime(name)

    assert (str(pack.answer), str(pack.extend_to), pack.acknowledge.business_days) == (answer, extend_to, acknowledge)
    assert (pack.verification_effect, pack.roll, str(pack.record_retention)) == (effect, roll, retention)
    assert pack.counts_start_day is (name == "us-ca-ccpa")


@pytest.mark.parametrize("name", regime_names())
def test_every_rule_of_every_pack_names_its_source(name: str) -> None:
    pack = load_regime(name)

    rules = {part.name for part in dataclasses.fields(Regime)} - NO_RULES

    assert set(pack.sources) == rules
    assert all(len(source) > 12 for source in pack.sources.values())


def test_the_digest_is_over_the_whole_parsed_pack() -> None:
    pack = load_regime("eu-gdpr")
    # RFC 8785 for ASCII keys and values without floats is sorted keys, no spaces, no escapes beyond JSON's own.
    plain = json.dumps(dataclasses.asdict(pack), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert pack.digest == "sha256:" + hashlib.sha256(plain.encode()).hexdigest()
    assert len({load_regime(name).digest for name in regime_names()}) == 4


def test_a_changed_source_changes_the_digest_and_a_comment_does_not() -> None:
    digest = load_regime("eu-gdpr").digest

    assert parse_regime("eu-gdpr", EU + "\n# a remark\n").digest == digest
    assert parse_regime("eu-gdpr", EU.replace("at most one month", "one month")).digest != digest


def test_an_unknown_regime_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownName, match="nearest: eu-gdpr"):
        load_regime("eu-gpdr")


@pytest.mark.parametrize("name", ["../regimes/eu-gdpr", "Jo Quillfeather", "", "eu-gdpr.yaml\n"])
def test_what_is_no_name_is_refused_without_being_repeated(name: str) -> None:
    with pytest.raises(UnknownName, match=r"\(not a name\)"):
        load_regime(name)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("version: 1", "version: 1\nsecret_rule: 1", "secret_rule"),
        ("version: 1\n", "", "version"),
        ("version: 1", "version: yes", "version"),
        ("version: 1", "version: 0", "version"),
        ("answer: {months: 1}", "answer: {months: 0}", "at least 1"),
        ("answer: {months: 1}", "answer: {months: 1, days: 30}", "not both"),
        ("answer: {months: 1}", "answer: {weeks: 4}", "weeks"),
        ("answer: {months: 1}", "answer: {months: 1.5}", "months"),
        ("extend_to: {months: 3}", "extend_to: {months: 1}", "longer than answer"),
        ("extend_to: {months: 3}", "extend_to: {days: 90}", "same unit"),
        ("extend_to: {months: 3}", "extend_to: null", "belong together"),
        ("counts_start_day: false", "counts_start_day: true", "periods in days"),
        ("verification_effect: suspends", "verification_effect: pauses", "verification_effect"),
        ("business_days: 3", "business_days: 0", "at least 1 business day"),
        ("ask_identity_within_days: 5", "ask_identity_within_days: 0", "at least 1"),
        ("guardian: substantial, ", "", "identity_levels must name exactly"),
        ("guardian: substantial", "guardian: some", "guardian"),
        ("  delay: [justifications]\n", "", "vocabularies must name exactly"),
        ("name: eu-gdpr", "name: eu-gdpr-2", "another name"),
        ("name: eu-gdpr", "name: [", "no YAML document"),
        ("version: 1", "version: 2026-01-01", "no YAML document of text"),
    ],
)
def test_a_pack_that_was_edited_wrongly_is_refused(old: str, new: str, fault: str) -> None:
    edited = EU.replace(old, new, 1)

    assert edited != EU
    with pytest.raises(PackBroken, match=fault):
        parse_regime("eu-gdpr", edited)


def test_a_rule_without_a_source_is_refused() -> None:
    lines = [line for line in EU.splitlines() if not line.startswith("  roll:")]

    with pytest.raises(PackBroken, match="sources must name exactly"):
        parse_regime("eu-gdpr", "\n".join(lines))


def test_periods_read_as_people_say_them() -> None:
    said = [str(Period(months=1)), str(Period(months=3)), str(Period(days=1)), str(Period(days=45)), str(WorkingDays(business_days=1))]

    assert said == ["1 month", "3 months", "1 day", "45 days", "1 working day"]


def test_only_california_asks_more_of_the_person_than_of_the_controller() -> None:
    levels = {name: load_regime(name).identity_levels for name in regime_names()}

    assert {name for name, level in levels.items() if level["data_subject"] != "low"} == {"us-ca-ccpa"}
    assert {level["authorised_agent"] for level in levels.values()} == {"substantial"}
