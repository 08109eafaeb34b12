"""Words, sentences and capitalised runs of a text: what sets need to know of language, by plain rules.

The rules are written for English and for scripts with capitals. Text in other scripts is cut and compared by the same
functions; it has no capitalised runs, so only its numbers, addresses and last words are found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rtbf.lm.replies import held_keys
from rtbf.vault.normalise import words_of

COMMON = frozenset(
    "a about above according after all also although among an and another any are as at be because been before "  # noqa: SIM905 - words as prose
    "being below between both but by can could currently despite did do does doing due during each either every few "
    "for from further had has have having he her here hers him his how however i if in including indeed into is it "
    "its just known like many may me might more most much my namely no nor not now of often on once one only or "
    "other others our out over own please really same she should since so some such sure than that the their them "
    "then there these they this those through thus to too under until up upon us very was we well were what when "
    "where whether which while who whom whose why will with within without would yes yet you your".split()
)
"""English words that carry no fact."""

PARTICLES = frozenset("al ap bin bint da das de del della der di do dos du el ibn la le ter van von y zu".split())  # noqa: SIM905 - as prose
"""Small words inside a name: Ana de la Cruz, Jan van der Berg."""

_TOKEN = re.compile(r"[^\W\d_](?:\w|['’\-](?=\w))*+\.?")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*\s+|[。！？]|\n+")
_OPENS_SENTENCE = re.compile(r"(?:^|[.!?…:;。！？\n])[\s\"'“\u2018(\[]*$")
_POSSESSIVE = re.compile(r"['’]s?$", re.IGNORECASE)
_ABBREVIATED = re.compile(r"(?:^|\W)(?:[Mm]rs?|[Mm]s|[Dd]r|Prof|St|Jr|Sr|Mt|No|vs|[A-Z])\.$")
_LOOK_BACK = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Capitalised words in a row, particles between them included; `opens` says whether the run begins a sentence."""

    start: int
    end: int
    opens: bool
    words: tuple[str, ...]


def holds(text: str, key: str) -> bool:
    """Return whether `text` gives `key` away: by the judge's rule (`lm.replies`), or by its words when accents are left out."""
    words = words_of(key)
    return bool(held_keys(text, [key])) or (bool(words) and f" {' '.join(words)} " in f" {' '.join(words_of(text))} ")


def is_common(word: str) -> bool:
    """Return whether a word carries no fact, contractions of such words included: "The", "I'd", "Don't"."""
    bare = re.split("['’]", word.rstrip("."), maxsplit=1)[0].lower()
    return bare in COMMON or (bare != word.lower() and bare.removesuffix("n") in COMMON)


def content_words(text: str) -> list[str]:
    """Return the folded words of `text` without those that carry no fact."""
    return [word for word in words_of(text) if word not in COMMON]


def sentence_starts(text: str) -> list[int]:
    """Return where sentences begin, 0 first."""
    ends = [found for found in _SENTENCE_END.finditer(text) if found.end() < len(text)]
    return [0, *(found.end() for found in ends if not _ABBREVIATED.search(text[max(0, found.start() - _LOOK_BACK) : found.start() + 1]))]


def halves(text: str) -> tuple[str, str] | None:
    """Return `text` in two parts near its middle: at a sentence's begin, else between words, else between characters.

    None when there is nothing to part. A sentence border counts when it leaves at least a third on either side.
    """
    middle = len(text) / 2
    borders = [place for place in sentence_starts(text) if len(text) / 3 <= place <= len(text) * 2 / 3]
    borders = borders or [found.end() for found in re.finditer(r"\s+", text) if found.start() > 0 and found.end() < len(text)]
    borders = borders or list(range(1, len(text)))
    cuts = [(text[:place].rstrip(), text[place:]) for place in sorted(borders, key=lambda place: (abs(place - middle), place))[:1]]
    return next(((head, tail) for head, tail in cuts if head.strip() and tail.strip()), None)


def lowered(text: str) -> str:
    """Return `text` with a small first letter; "I" and words in capitals keep theirs."""
    first = re.match(r"\w+", text)
    return text[0].lower() + text[1:] if first and not first.group().isupper() else text


def raised(text: str) -> str:
    """Return `text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def runs_of(text: str) -> list[Run]:
    """Return the capitalised runs of `text`, less common words at a sentence's begin ("The Corvane Museum" gives two words)."""
    tokens = [(found.start(), found.end(), found.group()) for found in _TOKEN.finditer(text)]
    runs: list[Run] = []
    place = 0
    while place < len(tokens):
        if not _is_capital(tokens[place][2]):
            place += 1
            continue
        last = _last_of_run(text, tokens, place)
        run = _trimmed(text, tokens[place : last + 1])
        if run is not None:
            runs.append(run)
        place = last + 1
    return runs


def without_possessive(word: str) -> str:
    """Return "Jaime" for "Jaime's"."""
    return _POSSESSIVE.sub("", word)


def _is_capital(word: str) -> bool:
    return word[0].isupper() or word[0].istitle()


def _is_initial(word: str) -> bool:
    return len(word) == 2 and word[1] == "."  # noqa: PLR2004 - one letter and a full stop


def _last_of_run(text: str, tokens: list[tuple[int, int, str]], first: int) -> int:
    last = ahead = first
    while ahead + 1 < len(tokens):
        word = tokens[ahead][2]
        # A full stop ends a run unless it follows an initial, and so does a possessive.
        ends = (word.endswith(".") and not _is_initial(word)) or without_possessive(word) != word
        if ends or text[tokens[ahead][1] : tokens[ahead + 1][0]] != " ":
            break
        ahead += 1
        if _is_capital(tokens[ahead][2]):
            last = ahead
        elif tokens[ahead][2] not in PARTICLES:
            break
    return last


def _trimmed(text: str, tokens: list[tuple[int, int, str]]) -> Run | None:
    opens = _OPENS_SENTENCE.search(text[max(0, tokens[0][0] - _LOOK_BACK) : tokens[0][0]]) is not None
    while tokens and (is_common(tokens[0][2]) or tokens[0][2].lower() in PARTICLES):
        tokens, opens = tokens[1:], False
    if not tokens:
        return None
    start, end = tokens[0][0], tokens[-1][1]
    value = text[start:end]
    if value.endswith(".") and not _is_initial(tokens[-1][2]):
        value = value[:-1]
    value = without_possessive(value)
    return Run(start=start, end=start + len(value), opens=opens, words=tuple(value.split(" "))) if value else None
