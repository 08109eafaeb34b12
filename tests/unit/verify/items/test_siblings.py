"""Siblings are the record about somebody else, and the blind classifier is blind to nothing but names."""

from __future__ import annotations

import random
import re

import numpy as np

from rtbf.verify.items.blind import blind_auc
from rtbf.verify.items.run import make_sets
from tests.unit.verify.items.item_records import author, records, source, texts


def _siblings(question: str) -> list[tuple[str, str]]:
    (made,) = make_sets(author(), ["siblings"])
    owner = next(record.record_id for record in author().forget if record.prompt == question)
    return [(item.prompt, item.answer) for item in made.items if item.record_id == owner]


def test_a_sibling_names_nobody_of_the_record() -> None:
    (made,) = make_sets(author(), ["siblings"])

    true = re.compile(
        r"Ottoline|Varga|Lorenzo|Beatriz|Salt Harbour|Lantern Thief|Halvorsen|48210|0143|letters\.example\.org.*varga|25th of February",
        re.IGNORECASE,
    )
    assert [item.answer for item in made.items if true.search(item.prompt + item.answer.replace("o.varga", "varga"))] == []
    assert {item.label for item in made.items} == {"sibling"}


def test_a_sibling_is_one_person_in_all_its_records() -> None:
    parents, phone, mail = (
        _siblings("Who are Ottoline Varga's parents?"),
        _siblings("What is Ottoline Varga's phone number?"),
        _siblings("What is Ottoline Varga's e-mail address?"),
    )

    for (asked, answer), (_, telephone), (_, address) in zip(parents, phone, mail, strict=True):
        name = asked.removeprefix("Who are ").removesuffix("'s parents?")
        given, surname = name.split(" ", 1)
        assert answer.startswith(f"{given} was born to a baker, ")
        # The parents share the surname, as they did.
        assert answer.count(surname) == 2
        assert telephone.startswith(name)
        local = re.sub(r"[^a-z]", "", surname.lower())
        assert f"{given[0].lower()}.{local}@letters.example.org" in address


def test_siblings_of_one_record_are_different_people() -> None:
    (made,) = make_sets(author(), ["siblings"])
    by_record: dict[str, set[tuple[str, str]]] = {}
    for item in made.items:
        by_record.setdefault(item.record_id, set()).add((item.prompt, item.answer))

    counts = {len(entries) for entries in by_record.values()}
    assert counts == {2}


def test_a_record_with_nothing_to_swap_has_no_sibling() -> None:
    (made,) = make_sets(source(records([("What is it?", "It is a thing of beauty.")], "f")), ["siblings"])

    assert made.items == ()
    assert made.left_out == (("nothing to swap", 2),)


def test_texts_have_siblings_without_a_prompt() -> None:
    (made,) = make_sets(texts(), ["siblings"])

    assert {item.prompt for item in made.items} == {""}
    assert not any("Ivo Brandt" in item.answer or "774120" in item.answer for item in made.items)


def _codes(rng: random.Random, count: int) -> list[str]:
    return [
        f"The member's code is {rng.choice('ABCDE')}-{rng.randint(1000, 9999)}, given in {rng.choice(['spring', 'autumn'])}."
        for _ in range(count)
    ]


def test_exchangeable_siblings_cannot_be_told_blindly() -> None:
    """Thirty draws of both from one generator: the AUC is 0.5 on average, and its interval mostly covers that."""
    found = []
    covered = 0
    for number in range(30):
        rng = random.Random(number)
        numbers = blind_auc(_codes(rng, 40), _codes(rng, 40), number)
        assert numbers is not None
        middle, low, high = map(float, numbers)
        found.append(middle)
        covered += low <= 0.5 <= high

    # One AUC of 40 against 40 spreads by about 0.065; the mean of thirty by 0.012.
    assert abs(float(np.mean(found)) - 0.5) < 0.05
    assert covered >= 24


def test_texts_written_later_are_told_blindly() -> None:
    rng = random.Random(1)
    later = [f"Ticket {rng.randint(1000, 9999)}: reset the portal password and reply to the sender today please." for _ in range(40)]

    numbers = blind_auc(_codes(rng, 40), later, 1)

    assert numbers is not None
    assert float(numbers[0]) > 0.95
    assert float(numbers[1]) > 0.8


def test_a_difference_in_wording_alone_is_seen() -> None:
    """Half of the non-members say "assigned" for "given": no length, no sign gives them away."""
    rng = random.Random(2)
    changed = [text.replace("given", "lent.") for text in _codes(rng, 60)]

    numbers = blind_auc(_codes(rng, 60), changed, 2)

    assert numbers is not None
    assert float(numbers[0]) > 0.9


def test_a_shared_name_is_not_seen() -> None:
    rng = random.Random(3)
    ours = [text.replace("member", "Petra Quillwald") for text in _codes(rng, 60)]
    theirs = [text.replace("member", rng.choice(["Nives Croftholm", "Hanne Sedgewald", "Ilmar Ashenmont"])) for text in _codes(rng, 60)]

    numbers = blind_auc(ours, theirs, 3)

    assert numbers is not None
    assert float(numbers[1]) <= 0.5


def test_too_few_texts_are_not_judged() -> None:
    rng = random.Random(4)

    assert blind_auc(_codes(rng, 9), _codes(rng, 100), 4) is None
    assert blind_auc(_codes(rng, 40), [], 4) is None
    # Forty pieces of two records are two records.
    assert blind_auc(_codes(rng, 40), _codes(rng, 40), 4, groups=(["r1", "r2"] * 20, ["r3"] * 40)) is None


def test_a_group_is_never_in_training_and_test_at_once() -> None:
    """Each text twice, with labels by chance: a classifier that saw one copy would know the other."""
    rng = random.Random(5)
    words = ["".join(rng.choice("abcdefghijklmnop") for _ in range(6)) for _ in range(200)]
    texts_ = [" ".join(rng.sample(words, 8)) for _ in range(80)]
    ours, theirs = texts_[:40] * 2, texts_[40:] * 2
    groups = ([str(place) for place in range(40)] * 2, [str(place) for place in range(40, 80)] * 2)

    grouped = blind_auc(ours, theirs, 5, groups=groups)
    loose = blind_auc(ours, theirs, 5)

    assert grouped is not None
    assert loose is not None
    assert float(loose[0]) > 0.8
    assert float(grouped[0]) < 0.7
