"""Invent names, mail addresses, titles and names of things in the form of a given one, from the population table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtbf.vault.normalise import fold_name
from rtbf.verify.items.fields import ORGANISATIONS
from rtbf.verify.items.population import folded, population
from rtbf.verify.items.wording import PARTICLES

if TYPE_CHECKING:
    import random

_GROUPS = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
_INITIALS = "ABCDEFGHIJKLMNOPRSTVW"
_ACRONYM_LETTERS = 5
_ARTICLES = frozenset({"the", "a", "an"})


def like_name(name: str, gender: str, rng: random.Random) -> str:
    """Return another name of as many words: a given name, then surnames; particles stay, initials are drawn."""
    table = population()
    words = []
    for place, word in enumerate(name.split(" ")):
        if word in PARTICLES:
            words.append(word)
        elif len(word.rstrip(".")) == 1:
            words.append(rng.choice(_INITIALS) + word[1:])
        else:
            words.append(_cased(word, rng.choice(table.given(gender) if place == 0 else table.surnames)))
    return " ".join(words)


def like_part(word: str, gender: str, rng: random.Random) -> str:
    """Return another surname for a surname, another given name for a given name, of `gender` where the word tells none."""
    table = population()
    form = fold_name(word)
    lists = (table.surnames, table.feminine, table.masculine)
    return _cased(word, rng.choice(next((names for names in lists if form in folded(names)), table.given(gender))))


def like_address(value: str, rng: random.Random) -> str:
    """Return an address at the same domain whose local part has as many words, names by chance, and as many digits."""
    local, _, domain = value.rpartition("@")
    groups = _GROUPS.findall(local)
    n_words = sum(group[0].isalpha() for group in groups)
    table = population()
    words = []
    seen = 0
    for group in groups:
        if group[0].isdigit():
            words.append("".join(rng.choice("0123456789") for _ in group))
        elif not group[0].isalpha():
            words.append(group)
        else:
            given, surname = _plain(rng.choice(table.given(""))), _plain(rng.choice(table.surnames))
            if len(group) == 1:
                word = rng.choice(_INITIALS.lower())
            elif n_words == 1:
                word = rng.choice((given + surname, given[0] + surname, given + surname[0], surname + given[0]))
            else:
                word = given if seen == 0 else surname
            words.append(_cased(group, word))
            seen += 1
    return f"{''.join(words)}@{domain}"


def like_title(value: str, rng: random.Random) -> str:
    """Return a title of about as many words, small words kept: "The Quiet Harbour" for "The Last Refuge"."""
    table = population()
    words = value.split(" ")
    for place, word in enumerate(words):
        if not word[:1].isupper() or word.lower() in _ARTICLES:
            continue
        # "Quiet Harbour of the Storm": the last of capitals in a row is the noun.
        is_noun = place + 1 == len(words) or not words[place + 1][:1].isupper()
        words[place] = rng.choice(table.title_nouns if is_noun else table.title_adjectives)
    return " ".join(words)


def like_entity(value: str, gender: str, rng: random.Random) -> str:
    """Return another name of a thing: what kind of house it is stays (Museum, Street), the words before it are drawn."""
    table = population()
    words = value.split(" ")
    if len(words) == 1 and value.isupper() and len(value) <= _ACRONYM_LETTERS:
        return "".join(rng.choice(_INITIALS) if sign.isupper() else sign for sign in value)
    if len(words) == 1:
        return _cased(value, rng.choice(table.towns + table.surnames))
    if not any(word.lower().rstrip(".") in ORGANISATIONS for word in words):
        return like_name(value, gender, rng)
    drawn = [
        word if word.lower().rstrip(".") in ORGANISATIONS or not word[:1].isupper() else rng.choice(table.surnames + table.towns)
        for word in words
    ]
    return " ".join(drawn)


def _plain(word: str) -> str:
    return re.sub(r"[^a-z]", "", fold_name(word))


def _cased(given: str, word: str) -> str:
    """Return `word` in the letter case of `given`."""
    if given.islower():
        return word.lower()
    return word.upper() if given.isupper() and len(given) > 1 else word
