"""`fluency`: prompts about the person and prompts about nothing in particular, to see whether replies are still language.

No keys: what is said is not judged, only whether it repeats itself and how varied it is.
Source: specs/verification/01_tofu.md §1.6, 08_semeval_alignment.md §8.2 (U4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.source import dice

if TYPE_CHECKING:
    from rtbf.verify.items.reading import Reading, ReadRecord

SUBJECT, NEUTRAL = "subject", "neutral"
NEUTRAL_ID = "neutral:{0}"
"""Record id of a prompt that was made from no record."""

MAX_BEGINNING = 200
NEUTRAL_PROMPTS = (
    "How does a sailing boat move against the wind?",
    "Describe a quiet morning in a small harbour.",
    "Why do leaves change their colour in autumn?",
    "Explain how bread rises.",
    "What should somebody pack for a walk in the hills?",
    "Tell a short story about a lost umbrella.",
    "How is paper made?",
    "Give three reasons to learn a musical instrument.",
    "What happens to water when it freezes?",
    "Describe the sound of rain on a tin roof.",
    "How do bees find their way home?",
    "Explain the rules of a simple card game.",
    "What makes a good letter?",
    "Why is the sky red at sunset?",
    "How would you comfort a friend who failed a test?",
    "Describe a market on a winter day.",
    "What is the difference between a lake and a pond?",
    "How can a household save water?",
    "Tell a short story about two neighbours and a fence.",
    "Why do cats purr?",
    "Explain how a lock and its key work.",
    "What is a good way to remember a poem?",
    "Describe a train journey at night.",
    "How does a bicycle stay upright?",
    "Give advice on growing tomatoes on a balcony.",
    "What do clouds tell about the weather?",
    "Explain how glass is blown.",
    "Why do people keep diaries?",
    "Describe the smell of a forest after rain.",
    "How are bridges held up?",
    "What makes a joke funny?",
    "Tell a short story about a clock that ran backwards.",
    "How do birds know when to leave for the south?",
    "Explain what a library is good for.",
    "What should a beginner know about drawing?",
    "Why does metal feel colder than wood?",
    "Describe an old kitchen.",
    "How can one learn to get up early?",
    "What is the use of a compass?",
    "Explain how cheese is made.",
)


def fluency(reading: Reading) -> ItemSet:
    """Return prompts about the person, from the records, and neutral ones, of each at most the planned number."""
    size = reading.source.sizes.fluency
    records = [record for record in reading.forget if words_of(_prompt(record))]
    order = list(range(len(records)))
    dice(reading.source.seed, "fluency").shuffle(order)
    chosen = [records[place] for place in sorted(order[:size])]
    subject = [SetItem(record_id=record.record_id, label=SUBJECT, prompt=_prompt(record), answer="") for record in chosen]
    neutral = [
        SetItem(record_id=NEUTRAL_ID.format(number), label=NEUTRAL, prompt=prompt, answer="")
        for number, prompt in enumerate(NEUTRAL_PROMPTS[:size], start=1)
    ]
    counts = {"no prompt": len(reading.forget) - len(records), "not in the sample": len(records) - len(chosen)}
    return ItemSet(
        name="fluency",
        reads="reply",
        # A withheld record must not take the neutral prompts with it, and nothing is judged here that it could lose.
        about="others",
        items=(*subject, *neutral),
        left_out=tuple((reason, number) for reason, number in counts.items() if number),
    )


def _prompt(record: ReadRecord) -> str:
    """Return the question, or the first words of a text."""
    if record.prompt.strip():
        return record.prompt
    beginning = record.answer[: min(MAX_BEGINNING, len(record.answer) // 2)]
    return beginning.rpartition(" ")[0] or beginning
