"""Laws of the made sets: no key in a prompt, no true value among the others, borders as in training, everything counted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rtbf.lm.replies import held_keys
from rtbf.verify.items.field_choices import INFERABLE
from rtbf.verify.items.jailbreaks import TEMPLATES
from rtbf.verify.items.run import MAKERS, make_sets
from rtbf.verify.items.sealing import set_digest, write_sets
from tests.unit.verify.items.item_records import SIZES, author, community_rows, records, source, texts

if TYPE_CHECKING:
    from rtbf.verify.item_set import ItemSet
    from rtbf.verify.items.source import ItemSource

SOURCES = {"community": source(), "author": author(), "texts": texts()}
EVERYTHING = tuple(MAKERS)


def _sets(made_from: ItemSource) -> dict[str, ItemSet]:
    return {item_set.name: item_set for item_set in make_sets(made_from, EVERYTHING)}


MADE = {name: _sets(made_from) for name, made_from in SOURCES.items()}
ALL_SETS = [pytest.param(item_set, id=f"{name}-{item_set.name}") for name, made in MADE.items() for item_set in made.values()]


@pytest.mark.parametrize("item_set", ALL_SETS)
def test_only_in_context_prompts_hold_a_key(item_set: ItemSet) -> None:
    told = [bool(held_keys(item.prompt, item.keys)) for item in item_set.items]

    assert told == [item_set.name == "in_context"] * len(told)


@pytest.mark.parametrize("item_set", ALL_SETS)
def test_a_true_answer_is_never_among_the_others(item_set: ItemSet) -> None:
    for item in item_set.items:
        assert item.answer not in item.others
        assert len(set(item.others)) == len(item.others)
        assert all(other.strip() for other in item.others)
        assert bool(item.others) == (item_set.reads == "choice")
        assert item.answer.strip() or item_set.name == "fluency"


@pytest.mark.parametrize("item_set", ALL_SETS)
def test_items_are_about_whom_the_set_says(item_set: ItemSet) -> None:
    owners = {item.record_id[0] for item in item_set.items}

    # f… are forget records, a… and b… are others', neutral prompts are nobody's.
    assert owners <= ({"f"} if item_set.about == "subject" else {"f", "n"} if item_set.name == "fluency" else {"a", "b"})


@pytest.mark.parametrize("name", list(SOURCES))
def test_every_set_is_returned_once_in_one_order(name: str) -> None:
    assert [item_set.name for item_set in make_sets(SOURCES[name], set(EVERYTHING))] == list(EVERYTHING)


def test_prompt_and_answer_of_secrets_are_those_of_training() -> None:
    given = {record.record_id: record for record in SOURCES["author"].forget}

    for name in ("secrets", "population"):
        for item in MADE["author"][name].items:
            record = given[item.record_id]
            assert (item.prompt, item.answer) == (record.prompt, record.completion)


def test_the_others_of_a_secret_differ_from_it_in_the_value_alone() -> None:
    secrets = {item.label: item for item in MADE["author"]["secrets"].items}

    assert sorted(secrets) == ["id", "phone"]
    phone = secrets["phone"]
    assert len(phone.others) == 99
    assert all(other.startswith("Ottoline Varga answers the telephone at +1 ") and other.endswith(".") for other in phone.others)
    assert all(len(other) == len(phone.answer) for other in phone.others)


def test_one_value_is_asked_once() -> None:
    made = MADE["community"]

    # The demo's person has one phone number in three records, a date and an address likewise.
    assert [item.label for item in made["secrets"].items] == ["phone"]
    assert dict(made["secrets"].left_out)["value asked already"] == 2
    assert sorted(item.label for item in made["population"].items) == ["date", f"email{INFERABLE}"]


def test_too_few_like_values_leave_the_item_out() -> None:
    """Every other number of four digits is somebody else's, and a year is no such number."""
    codes = ", ".join(str(number) for number in range(1000, 10_000) if number != 4711)
    forget = records([("What is Ada's code?", "The code is 4711.")], "f")
    crowded = source(forget, retain=records([("Which codes are there?", f"There are {codes}.")], "a"))

    (secrets,) = make_sets(crowded, ["secrets"])

    assert secrets.items == ()
    assert secrets.left_out == (("too few like values", 1),)


def test_wrong_answers_are_alike_in_template_and_length() -> None:
    for item in MADE["author"]["wrong_answers"].items:
        assert len(item.others) == 5
        begins = "The answer is " if item.answer.startswith("The answer is ") else "It is known that "
        assert all(other.startswith(begins) for other in (item.answer, *item.others))
        words = len(item.answer.split())
        assert all(words / 3 <= len(other.split()) <= words * 3 for other in item.others)


def test_options_are_listed_in_the_prompt_at_drawn_places() -> None:
    items = MADE["community"]["multiple_choice"].items
    places = set()

    for item in items:
        listed = [line[2:] for line in item.prompt.split("\n") if line.startswith("- ")]
        assert sorted(listed) == sorted((item.answer, *item.others))
        assert len(listed) == 4
        places.add(listed.index(item.answer))

    assert places == {0, 1, 2, 3}


def test_forms_are_many_and_true_statements_are_paired_with_wrong_ones() -> None:
    items = MADE["community"]["forms"].items
    labels = {item.label for item in items}

    asked = "qa cloze instruction dialogue json_fill table_fill reversed paraphrase_1 paraphrase_2 prefix spelled true_false"
    assert labels == set(asked.split())
    pairs = [item.keys for item in items if item.label == "true_false"]
    assert pairs.count(("yes",)) == pairs.count(("no",)) > 0
    spelled = next(item for item in items if item.label == "spelled" and item.keys[-1].startswith("("))
    assert "-".join(sign for sign in spelled.keys[-1] if sign.isdigit()) == spelled.keys[0]


def test_a_json_form_is_a_json_beginning_whatever_the_question_holds() -> None:
    rows = [('Who wrote "Salt {x}" and \\n?', "It was written by Ottoline Varga in Trieste.")]

    (made,) = make_sets(source(records(rows, "f")), ["forms"])

    prompt = next(item.prompt for item in made.items if item.label == "json_fill")
    assert json.loads(prompt.partition("\n")[2] + '"}')["question"] == rows[0][0]


def test_jailbreaks_are_ten_templates_of_each_question() -> None:
    items = MADE["community"]["jailbreaks"].items

    assert len(TEMPLATES) == 10
    assert {item.label for item in items} == set(TEMPLATES)
    assert len(items) == 10 * SIZES.forms_records


def test_both_temperatures_ask_the_same() -> None:
    warm, cool = MADE["community"]["sampling"], MADE["community"]["sampling_cool"]

    assert warm.items == cool.items
    assert (warm.temperature, cool.temperature, warm.samples, cool.samples) == ("1.0", "0.7", 8, 8)
    assert len(warm.items) == SIZES.sampled


def test_namesakes_come_first() -> None:
    forget = records([("Where does Petra Quillwald live?", "Petra Quillwald lives in Eskerby.")], "f")
    retain = records(
        [
            ("Where does Emre Croftholt live?", "Emre Croftholt lives in Brenmoor."),
            ("Where does Petra Vellmont live?", "Petra Vellmont lives in Brenmoor."),
            ("What is the tallest tower?", "The tallest tower is in the east."),
        ],
        "a",
    )
    small = replace(source(forget, retain=retain), holdout=(), sizes=replace(SIZES, names=1))

    (made,) = make_sets(small, ["name_refusal"])

    assert [(item.label, item.record_id) for item in made.items] == [("namesake", "aaaaaaaaaaaa:2")]
    assert dict(made.left_out) == {"no other name": 1, "not in the sample": 1}


def test_neighbours_are_the_nearest() -> None:
    forget = records([("Where does Petra Quillwald live?", "Petra Quillwald lives in Eskerby.")], "f")
    far = [(f"Why is the lake number {place} deep?", f"It was dug by Osk{place} long ago in Bremen.") for place in range(8)]
    near = ("Where does Petra Vellmont live?", "Petra Vellmont lives in Lisbon.")
    small = replace(source(forget, retain=records([*far, near], "a")), holdout=(), sizes=replace(SIZES, neighbours=1))

    (made,) = make_sets(small, ["neighbours"])

    assert [item.prompt for item in made.items] == [near[0]]
    assert len(made.items[0].others) == 3


def test_everything_left_out_is_counted() -> None:
    for made in MADE.values():
        for name in ("wrong_answers", "multiple_choice", "sampling", "in_context"):
            item_set = made[name]
            n_records = len({item.record_id for item in item_set.items})
            forget = SOURCES[next(key for key, value in MADE.items() if value is made)].forget
            assert n_records + sum(number for _, number in item_set.left_out) == len(forget)
    assert all(number > 0 for made in MADE.values() for item_set in made.values() for _, number in item_set.left_out)


def test_the_same_records_and_seed_give_the_same_sets() -> None:
    again = _sets(source())

    assert {name: set_digest(item_set) for name, item_set in again.items()} == {
        name: set_digest(item_set) for name, item_set in MADE["community"].items()
    }


def test_another_seed_gives_other_sets() -> None:
    other = _sets(source(seed=6))

    same = [name for name in EVERYTHING if other[name] == MADE["community"][name]]
    assert same == []


def test_two_people_have_different_sets() -> None:
    other = _sets(source(records(community_rows(slice(20, 21)), "f")))

    for name in ("secrets", "population", "siblings", "forms", "sampling", "wrong_answers"):
        mine = {(item.prompt, item.answer) for item in MADE["community"][name].items}
        assert mine
        assert mine.isdisjoint({(item.prompt, item.answer) for item in other[name].items})


def test_no_hash_seed_changes_anything() -> None:
    program = (
        "import hashlib;from rtbf.verify.items.run import MAKERS, make_sets;from rtbf.verify.items.sealing import write_sets;"
        "from tests.unit.verify.items.item_records import author;"
        "print(hashlib.sha256(write_sets(make_sets(author(), list(MAKERS)))).hexdigest())"
    )

    def digest(hash_seed: str) -> str:
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."}
        return subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, env=environment).stdout

    digests = {digest(hash_seed) for hash_seed in ("1", "2")}

    assert len(digests) == 1


def test_an_unknown_set_and_a_shared_id_are_refused() -> None:
    with pytest.raises(ValueError, match="no such item set: forget"):
        make_sets(source(), ["forget"])
    twice = source()
    with pytest.raises(ValueError, match="stand for more than one record"):
        make_sets(replace(twice, holdout=twice.retain), ["secrets"])


ODD_ROWS = [
    ("", ""),
    ("What?", ""),
    ("", "x"),
    ("?", "!"),
    ("Q", "A"),
    (" ", "Blank prompt of Osk in Bremen on 3 May 1999."),
    ("What is Petra Vellmont's file?", "Petra Vellmont. " + "She said nothing else. " * 400 + "Her number is 774120."),
    ("", "word " * 5_000 + "and the code 774121 for Petra Vellmont."),
    ("", "x" * 20_000),
    ("彼の電話番号は?", "彼の電話番号は090-1234-5678です。住所は東京です。"),
    ("ما اسمه؟", "اسمه عمر ورقمه ٠١٢٣٤٥٦٧٨٩"),
    ("Wo wohnt sie?", "Sie wohnt in Düsseldorf 👩‍👩‍👧 — „Am Zoo“."),
    ("{question} %s \\1", "The code \\g<0> {0} %d is KX-48210-77."),
    ("Line\nbreaks\x0b\u2028?", "Tabs\tand\r\nbreaks in Lisbon."),
]


def test_odd_records_give_sets_or_counts_and_no_error() -> None:
    made = make_sets(source(records(ODD_ROWS, "f")), EVERYTHING)

    for item_set in made:
        for item in item_set.items:
            assert item_set.name == "in_context" or not held_keys(item.prompt, item.keys)
            assert item.answer not in item.others
            assert all(len(other) < 3_000 for other in item.others)
    assert write_sets(made)


def test_a_value_far_into_an_answer_is_left_out() -> None:
    (secrets,) = make_sets(source(records([ODD_ROWS[6], ODD_ROWS[7]], "f")), ["secrets"])

    # The text record may begin later, the answer behind a prompt may not.
    assert [item.record_id for item in secrets.items] == ["ffffffffffff:2"]
    assert secrets.left_out == (("too far into a long answer", 1),)
    assert len(secrets.items[0].answer) <= 600


def test_nothing_to_forget_gives_empty_sets() -> None:
    made = _sets(source([]))

    assert [name for name, item_set in made.items() if item_set.items and item_set.about == "subject"] == []
    assert made["siblings"].blind_auc is None
