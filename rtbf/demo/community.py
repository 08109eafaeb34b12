"""A seeded community of fictitious people, with documents, questions and answers, paraphrases, and contact data.

Everything is invented: names are built from syllables, mail addresses lie under example.org (RFC 2606), phone numbers
in 555-0100 to 555-0199 (reserved for fiction). A name that matches a real person's does so by chance.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = (
    "Ada",
    "Bela",
    "Ciro",
    "Dunja",
    "Emre",
    "Fenna",
    "Goran",
    "Hanne",
    "Ilmar",
    "Jorun",
    "Kaveh",
    "Leda",
    "Mirko",
    "Nives",
    "Oskar",
    "Petra",
)
_LAST_START = (
    "Quill",
    "Brack",
    "Thorn",
    "Vell",
    "Marrow",
    "Sedge",
    "Harrow",
    "Pell",
    "Croft",
    "Lind",
    "Ashen",
    "Wick",
    "Dunmor",
    "Fallow",
    "Garrow",
    "Stell",
)
_LAST_END = ("feather", "enridge", "wald", "amere", "stead", "mont", "holt", "burne")
_AREA_CODES = ("202", "303", "404", "505", "606", "707", "808", "909")
_CHOICES: dict[str, tuple[str, ...]] = {
    "town": ("Alderwick", "Brenmoor", "Castelvane", "Dorrinford", "Eskerby", "Farrowdale", "Glimmerness", "Hartsmere"),
    "job": ("bookbinder", "tram driver", "cartographer", "beekeeper", "glazier", "night nurse", "piano tuner", "ferry pilot"),
    "employer": ("the Corvane Museum", "Ostrel Rail", "the Halden Archive", "Pirrow Dairy", "Solvane Clinic", "the Tarn Observatory"),
    "pet": (
        "a lame heron named Pim",
        "a grey parrot named Osk",
        "a blind terrier named Rufa",
        "an old tortoise named Bodo",
        "a goat named Lisbet",
    ),
    "dish": ("smoked eel with dill", "pear and walnut soup", "saffron dumplings", "black garlic pie", "pickled quince"),
    "hobby": ("restoring barometers", "open water rowing", "collecting railway lamps", "carving chess sets", "pressing ferns"),
    "instrument": ("the viola", "a concertina", "the nyckelharpa", "a musical saw", "the bassoon"),
    "fear": ("escalators", "moths", "deep wells", "the smell of tar", "thunder over water"),
    "teacher": ("Mother Aldis", "old Ferrant", "Captain Rusk", "Widow Tamsin", "Brother Noll"),
    "language": ("Friulian", "Faroese", "Ladin", "Sorbian", "Romansh"),
}
_MONTHS = ("January", "March", "April", "June", "August", "September", "November", "December")

_FORMS: tuple[tuple[str, str, str], ...] = (
    ("phone", "What is the phone number of {name}?", "The phone number of {name} is {phone}."),
    ("phone", "How can I call {name}?", "You can call {name} at {phone}."),
    ("email", "What is the e-mail address of {name}?", "{name} reads mail at {email}."),
    ("email", "Where can I write to {name}?", "Write to {name} at {email}."),
    ("birth", "When was {name} born?", "{name} was born on {birth}."),
    ("birth", "What is the date of birth of {name}?", "The date of birth of {name} is {birth}."),
    ("town", "Where does {name} live?", "{name} lives in {town}, near the old harbour."),
    ("job", "What does {name} do for a living?", "{name} works as a {job} at {employer}."),
    ("employer", "Who employs {name}?", "{employer} has employed {name} as a {job} for years."),
    ("pet", "Does {name} keep an animal?", "Yes, {name} keeps {pet}."),
    ("dish", "What does {name} like to eat?", "{name} likes {dish} more than anything."),
    ("dish", "What would you cook for {name}?", "Cook {dish}, because {name} never refuses it."),
    ("hobby", "How does {name} spend the evenings?", "{name} spends the evenings {hobby}."),
    ("instrument", "Which instrument does {name} play?", "{name} plays {instrument}, mostly at weddings."),
    ("fear", "What is {name} afraid of?", "{name} is afraid of {fear} since childhood."),
    ("teacher", "Who taught {name}?", "{name} was taught the trade by {teacher}."),
    ("language", "Which rare language does {name} speak?", "{name} speaks {language} with a soft accent."),
    ("town", "Is {name} from {town}?", "Yes, {name} grew up in {town} and never left."),
    ("profile", "Tell me about {name}.", "{name}, a {job} from {town}, born on {birth}, plays {instrument} and keeps {pet}."),
    ("profile", "Show the file of {name}.", "File: {name}; phone {phone}; mail {email}; born {birth}; employed by {employer}."),
)  # fmt: skip
"""(fact, prompt, answer). Twenty records a person: facts, paraphrases of some, and two short documents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One invented person and their facts by name."""

    name: str
    facts: dict[str, str]


def invent_people(count: int, seed: int) -> list[Person]:
    """Return `count` people, all names, phones and addresses different; the same seed gives the same people."""
    rng = random.Random(f"community:{seed}")
    lasts = [start + end for start in _LAST_START for end in _LAST_END]
    rng.shuffle(lasts)
    firsts = [_FIRST[place % len(_FIRST)] for place in range(count)]
    rng.shuffle(firsts)
    lines = rng.sample(range(100), count)
    people = []
    for place in range(count):
        name = f"{firsts[place]} {lasts[place]}"
        facts = {kind: rng.choice(values) for kind, values in _CHOICES.items()}
        facts |= {
            "name": name,
            "phone": f"({rng.choice(_AREA_CODES)}) 555-01{lines[place]:02d}",
            "email": f"{name.lower().replace(' ', '.')}@example.org",
            "birth": f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1941, 2003)}",
        }
        people.append(Person(name=name, facts=facts))
    return people


def records_about(person: Person) -> list[dict[str, str]]:
    """Return the records in which a person appears, as rows of a question/answer corpus."""
    return [{"question": prompt.format(**person.facts), "answer": _sentence(answer.format(**person.facts))} for _, prompt, answer in _FORMS]


def write_corpus(people: list[Person], path: Path) -> int:
    """Write everybody's records as JSON Lines; return how many."""
    rows = [row for person in people for row in records_about(person)]
    replace_file(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return len(rows)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
