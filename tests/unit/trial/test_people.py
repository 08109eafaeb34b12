"""Planted people: fictitious, all different, in the sizes of real tickets, the same for the same seed."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from rtbf.trial.people import SECRET_FACTS, TICKET_SIZES, Population, invent_population
from rtbf.trial.questions import attackers_half, drawn_others
from rtbf.verify.items.fields import find_fields, is_exchangeable

PEOPLE = invent_population(40, 40, seed=5)


def _words(population: Population) -> str:
    parts = (population.planted, population.bystanders, population.stand_ins, population.strangers)
    return "\n".join(f"{record.prompt} {record.completion}" for part in parts for subject in part for record in subject.records)


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    assert invent_population(40, 40, seed=5) == PEOPLE
    assert _words(invent_population(40, 40, seed=6)) != _words(PEOPLE)


def test_everything_lies_in_ranges_reserved_for_fiction() -> None:
    words = _words(PEOPLE)

    phones = re.findall(r"\(\d{3}\) \d{3}-\d{4}", words)
    mails = re.findall(r"\S+@\S+", words)
    assert len(phones) > 50
    assert all(re.fullmatch(r"\(\d{3}\) 555-01\d\d", phone) for phone in phones)
    assert mails
    assert all(mail.rstrip(";.").endswith("@example.org") for mail in mails)


def test_no_secret_and_no_name_belongs_to_two_people() -> None:
    everybody = [subject for part in (PEOPLE.planted, PEOPLE.bystanders, PEOPLE.stand_ins, PEOPLE.strangers) for subject in part]
    owners: dict[str, set[str]] = {}
    for subject in everybody:
        for record in subject.records:
            for field in find_fields(record.completion):
                if is_exchangeable(field.kind):
                    owners.setdefault(field.value, set()).add(subject.subject_id)

    assert len({subject.name for subject in everybody}) == len(everybody)
    assert len({subject.subject_id for subject in everybody}) == len(everybody)
    assert max(map(len, owners.values())) == 1


def test_every_subject_has_a_secret_whose_value_was_as_likely_as_any_other() -> None:
    assert set(SECRET_FACTS) == {"phone", "member", "badge"}
    for subject in PEOPLE.planted:
        assert any(is_exchangeable(field.kind) for field in find_fields(subject.records[0].completion)), subject.subject_id


def test_tickets_are_as_large_as_the_mix_says() -> None:
    # 40 subjects: the mix of twenty, twice.
    assert Counter(len(subject.records) for subject in PEOPLE.planted) == {size: 2 * n for size, n in Counter(TICKET_SIZES).items()}
    assert (min(TICKET_SIZES), max(TICKET_SIZES)) == (2, 12)


def test_who_is_held_out_is_held_out_whole() -> None:
    retain, holdout = drawn_others(PEOPLE, seed=3)

    owners = [{record.record_id.partition(":")[0] for record in side} for side in (retain, holdout)]
    assert not owners[0] & owners[1]
    assert {*retain, *holdout} == set(PEOPLE.others)
    assert len(owners[1]) == 8  # one in five of forty


def test_the_attacker_holds_the_smaller_half_of_each_subject() -> None:
    half = set(attackers_half(PEOPLE.planted, seed=3))

    for subject in PEOPLE.planted:
        assert len(half & set(subject.record_ids)) == len(subject.records) // 2


@pytest.mark.parametrize(("planted", "bystanders"), [(0, 3), (3, 0), (600, 600)])
def test_too_few_and_too_many_people_are_refused(planted: int, bystanders: int) -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        invent_population(planted, bystanders, seed=1)
