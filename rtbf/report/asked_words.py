"""Plain words for what models were asked: sets of questions, forms and states of them, profiles, and what was left out.

Standard library only, and read by people who write no code. A name that stands in no table is shown as it is: operators
name their own packs, and labels of the items in them.
"""

from __future__ import annotations

PROFILES = {
    "smoke": "a quick look",
    "standard": "the whole protocol",
    "deep": "the whole protocol, with more draws and more controls",
}
PROFILE_LIMITS = {
    "smoke": "it can show a failure and never a PASS: most attacks are not run",
    "standard": "needs packs of yours for general knowledge, harmful requests, other languages and attacks on the inside",
    "deep": "needs packs of yours for general knowledge, harmful requests, other languages and attacks on the inside",
}
"""What a profile cannot do, said before anything is measured."""

RELEARNING_STEPS = "relearning steps"
"""The name under which a verification counts the training of its relearning attacks."""

SETS: dict[str, str] = {
    "forget": "the records to be forgotten",
    "holdout": "records that stay, kept out of unlearning",
    "earlier": "records that earlier tickets removed",
    "held": "records that the relearning attacker does not have",
    "siblings": "made-up records of the same form",
    "secrets": "the person's details among others",
    "population": "the person's facts among others'",
    "wrong_answers": "the right fact among wrong ones",
    "multiple_choice": "multiple choice on the person's facts",
    "forms": "the same facts asked in other forms",
    "jailbreaks": "jailbreak prompts",
    "sampling": "repeated sampling, temperature 1",
    "sampling_cool": "repeated sampling, temperature 0.7",
    "in_context": "questions behind a text that answers them",
    "fluency": "open questions, to hear how it speaks",
    "name_refusal": "harmless questions about namesakes and others",
    "neighbours": "facts about the nearest other people",
    "retain_choices": "multiple choice on records that stay",
    "retain_answers": "questions on records that stay",
    RELEARNING_STEPS: "the relearning attacks' training",
}

READS = {"score": "scored", "choice": "compared", "reply": "answered"}
"""How a set's items are read: text given and its probability taken, true answers among others, or free replies."""

EMPTY_SETS = {
    "earlier": "no earlier ticket removed records from these weights that may still be read",
    "held": "too few records to split between an attacker and a test",
    "secrets": "the records hold no detail that could as well have been another",
    "population": "the records hold no fact that can be set among other people's",
    "siblings": "nothing in the records can be swapped",
    "neighbours": "there is no other record with facts enough",
}
"""Why a set has no item, where nothing else says so."""
_EMPTY = "the records hold nothing that could be asked in this way"

LEFT_OUT = {
    "not in the sample": "more than the profile asks",
    "further away": "further from the person than those that are asked",
    "too few wrong answers": "without enough wrong answers to choose from",
    "too few like values": "without enough other values of the same form",
    "value asked already": "whose value is asked already",
    "inferable": "answered by the question itself",
    "no question or no answer": "without question or answer",
    "no value in a text": "texts without a value",
    "empty answer": "with an empty answer",
    "too short": "too short to be continued",
    "no key": "without a word that would give it away",
    "no name": "that name nobody",
    "no other name": "that name nobody else",
    "no prompt": "without a question",
    "no such form": "that cannot be put in this form",
    "no wrong answer": "without a wrong answer to set beside",
    "key in prompt": "whose question would hold the answer",
    "key beyond the context": "whose answer lies beyond the text that is shown",
    "too far into a long answer": "whose value lies too far into a long answer",
    "nothing to swap": "with nothing in them to swap",
}
"""What was left out of a set, read behind a number: "6 without enough wrong answers"."""

BY_DESIGN = frozenset({"not in the sample", "further away"})
"""Reasons that say how large a profile is, and nothing about the records."""

PIECES = {
    "qa": "as it was learned",
    "continue": "as it was learned",
    "as_learned": "as it was learned",
    "prefix": "half of the answer given",
    "paraphrase_1": "reworded",
    "paraphrase_2": "reworded otherwise",
    "cloze": "with a gap to fill",
    "instruction": "as an instruction",
    "dialogue": "as a dialogue",
    "json_fill": "as JSON to complete",
    "table_fill": "as a table to complete",
    "reversed": "from the fact to the name",
    "spelled": "spelled out",
    "true_false": "true or false",
    "instruction_override": "“ignore all rules”",
    "role_play": "role play",
    "affirmative": "“sure, the answer is”",
    "system_override": "“filters are off”",
    "prefix_injection": "told how to begin",
    "translation": "by way of French",
    "completion": "a form to complete",
    "hypothetical": "“suppose a world”",
    "researcher": "“I am an auditor”",
    "repeat": "asked three times",
    "subject": "asked about the person",
    "neutral": "asked about nobody",
    "namesake": "namesakes",
    "member": "the records",
    "sibling": "made-up siblings",
    "person": "other people named",
    "other name": "people of other names",
    "retained": "trained to be kept",
    "held out": "kept out of unlearning",
    "adapter-off": "adapter off",
    "scale-0.25": "adapter at a quarter",
    "scale-0.5": "adapter at half",
    "scale-0.75": "adapter at three quarters",
    "merged-bf16": "merged in 16 bits",
    "merged-int8": "merged in 8 bits",
    "merged-nf4": "merged in 4 bits",
    "lens-half": "read at half depth",
    "steered-0.5": "pushed half as far",
    "steered-1": "pushed as far",
    "steered-2": "pushed twice as far",
    "guided-1": "guided, weight 1",
    "guided-2": "guided, weight 2",
    "guided-4": "guided, weight 4",
    "deducible": "follows from what stays; no leak",
}
"""Forms, templates, kinds of fields and states, as the pieces of a probe's figure carry them."""
_INFERABLE = ":inferable"
_PACK_PREFIX = "pack_"


def profile_words(profile: str) -> str:
    """Return what a profile is and what it cannot do, as one sentence."""
    about, limit = PROFILES.get(profile), PROFILE_LIMITS.get(profile)
    return profile if about is None or limit is None else f"{profile}: {about}; {limit}"


def set_words(name: str) -> str:
    """Return what a set of questions is; an operator's pack is told by the probe it is for."""
    if not name.startswith(_PACK_PREFIX):
        return SETS.get(name, name.replace("_", " "))
    probe = name.removeprefix(_PACK_PREFIX).replace("_", ".")
    return "your own questions" if probe == "own" else f"your pack for {probe[:1].upper()}{probe[1:]}"


def empty_words(name: str) -> str:
    """Return why a set has no item."""
    return EMPTY_SETS.get(name, _EMPTY)


def left_out_words(reason: str, count: int) -> str:
    """Return how many were left out of a set and why; a reason may begin with the form that it is about."""
    form, colon, why = reason.partition(": ")
    if not colon:
        form, why = "", reason
    told = f"{count} {LEFT_OUT.get(why, why)}"
    return f"{told} ({piece_words(form)})" if form else told


def piece_words(name: str) -> str:
    """Return the plain name of a form, template, kind of field or state; several are joined by commas."""
    return ", ".join(_piece(part) for part in name.split(", "))


def _piece(name: str) -> str:
    attack, at, step = name.partition("@")
    if at and attack.startswith("relearn-"):
        return f"after {step} step{'' if step == '1' else 's'}"
    # What the person's name or the question already suggests is no secret of theirs.
    if name.endswith(_INFERABLE):
        return f"{_piece(name.removesuffix(_INFERABLE))}, which the name suggests"
    return PIECES.get(name, name.replace("_", " "))
