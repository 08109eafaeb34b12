"""Draw values like a true one: the same form, other content.

Numbers, phone numbers and references are drawn as the corpus's own values of that form are (`codes`), so a model that
knows how such values look here, but never saw this one, has no reason to prefer it.
Does not make names, towns, dates, years, sums or mail addresses exchangeable: the true ones come from a population whose
frequencies are unknown here (sheet 3.4), so those need the never-shown control.
Source: specs/verification/03_memorisation.md §3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import ascii_digits, words_of
from rtbf.verify.items.codes import draw_code, mask_of
from rtbf.verify.items.dates import find_dates, like_date
from rtbf.verify.items.fields import is_year
from rtbf.verify.items.invented import like_address, like_entity, like_name, like_part, like_title
from rtbf.verify.items.population import population

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from rtbf.verify.items.fields import Field

Draw = Callable[[], str | None]

YEARS_AROUND = 30
_ATTEMPTS_PER_VALUE = 20
_MIN_ATTEMPTS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """What is known of the corpus's values.

    values     all different ones by kind, sorted
    entities   capitalised spans in records about others: by number of words, as (value, word before, word after), sorted
    gender     given names are drawn from its list
    """

    values: dict[str, tuple[str, ...]]
    entities: dict[int, tuple[tuple[str, str, str], ...]]
    gender: str = ""


def form_of(kind: str, value: str) -> str:
    """Return the form in which two values of a kind are compared: digits of numbers, else folded words."""
    return ascii_digits(value) if kind in {"phone", "number", "money", "year"} else " ".join(words_of(value)) or value


def like_values(field: Field, corpus: Corpus, rng: random.Random, count: int, taken: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return up to `count` values like `field`'s, all different from it and from each other; fewer where no more are found.

    taken   forms (`form_of`) that must not be drawn: true values of this ticket
    """
    draw = _drawing(field, corpus, rng)
    own = form_of(field.kind, field.value)
    forms = {own}
    drawn: list[str] = []
    for _ in range(max(_MIN_ATTEMPTS, count * _ATTEMPTS_PER_VALUE)):
        if len(drawn) == count:
            break
        value = draw()
        form = "" if value is None else form_of(field.kind, value)
        if value is not None and form and form not in forms and form not in taken:
            forms.add(form)
            drawn.append(value)
    return tuple(drawn)


def _drawing(field: Field, corpus: Corpus, rng: random.Random) -> Draw:
    table = population()
    value = field.value
    match field.kind:
        case "phone" | "id" | "number" | "money":
            alike = sorted({entry for entry in corpus.values.get(field.kind, ()) if mask_of(entry) == mask_of(value)} | {value})
            code = draw_code(value, alike, rng, is_phone=field.kind == "phone")
            # A number that reads as a year is of another kind, and models know years.
            return code if field.kind != "number" else lambda: None if is_year(drawn := code()) else drawn
        case "year":
            return lambda: str(rng.randint(int(value) - YEARS_AROUND, _last_year(int(value), corpus)))
        case "date":
            years = _years_of_dates(value, corpus)
            return lambda: like_date(value, rng, years)
        case "email":
            return lambda: like_address(value, rng)
        case "name":
            return lambda: like_name(value, corpus.gender, rng)
        case "town":
            return lambda: rng.choice(table.towns)
        case "demonym":
            return lambda: rng.choice(table.demonyms)
        case "person":
            return lambda: like_part(value, corpus.gender, rng)
        case "title":
            return lambda: like_title(value, rng)
        case _:
            seen = _entities_like(field, corpus, rng)
            return lambda: next(seen, None) or like_entity(value, corpus.gender, rng)


def _last_year(year: int, corpus: Corpus) -> int:
    """Return the last year to draw: that of the corpus, so that no value lies in a future it knows nothing of."""
    return max([year, *(int(value) for value in corpus.values.get("year", ()))])


def _years_of_dates(value: str, corpus: Corpus) -> tuple[int, int]:
    dates = [date for text in (value, *corpus.values.get("date", ())) for date in find_dates(text)]
    years = [date.year for date in dates if date.year is not None] or [2000]
    return max(1500, min(years) - 10), min(2099, max(years))


def _entities_like(field: Field, corpus: Corpus, rng: random.Random) -> Iterator[str]:
    """Return the corpus's spans that stand between the same words, then beside one of them: "Drama" for "Romance" genre.

    Spans that share no neighbour are not taken: they are of any kind, and the tables give as good a guess.
    """
    both: list[str] = []
    one: list[str] = []
    for value, before, after in corpus.entities.get(len(field.value.split()), ()):
        shared = bool(after) and after == field.after, bool(before) and before == field.before
        (both if all(shared) else one if any(shared) else []).append(value)
    for values in (both, one):
        rng.shuffle(values)
    return iter(dict.fromkeys(both + one))
