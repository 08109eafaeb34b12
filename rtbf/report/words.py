"""Plain words for what the statement says in codes: probes, classes, regimes, reasons. Read by people who write no code.

Standard library only. The table of probes is PROTOCOL §1; a probe that was not run is listed from it as "not tested".
Words for what was asked (sets, forms, states, profiles) are in `asked_words`, the meanings of codes in `rtbf.verify.codes`.
"""

from __future__ import annotations

PROBES: dict[str, tuple[str, str]] = {
    "F1": ("Word-for-word text", "given the start of a record, does the model write the rest word for word"),
    "F2": ("Memorised text", "how much of a record the model reproduces from how short a start"),
    "F3": ("Certainty of the answer", "how likely the model finds the true answer to a question on the person"),
    "F4": ("Real against invented", "does the model prefer the person's true details to invented ones of the same form"),
    "F5": ("Membership test", "can a statistical test tell that the records were once in the training data"),
    "F6": ("Other wordings", "does the person's data come out when the question is put in another form; the worst form counts"),
    "F7": ("Chance of writing it", "how likely sampling is to write a record out word for word"),
    "R1": ("Repeated sampling", "does the data come out when the model is asked the same very many times"),
    "R2": ("Adapter switched off", "does the data come back when the adapter is switched off"),
    "R3": ("Compression to 4 bits", "does the data come back when the weights are rounded to 4 bits"),
    "R4": ("Relearning from a part", "does training on some of the records bring the others back"),
    "R5": ("Jailbreak prompts", "do prompts made to get round a refusal bring the data out; the worst prompt counts"),
    "R6": ("Translation and inference", "does the data come out in another language or through several questions"),
    "R7": ("Inner layers", "do the inner layers still hold the data"),
    "R8": ("Steering", "does pushing the model's inner state bring the data back"),
    "R9": ("Attack with both models", "can somebody with both versions find what was removed"),
    "R10": ("Telling it again", "does the model repeat the data when the prompt holds it"),
    "S1": ("Back to a clean state", "do neighbouring facts stand as in a model that never had the data"),
    "U1": ("Text it should keep", "how well the model still predicts the records that stay"),
    "U2": ("Neighbouring people", "does the model still answer questions about others"),
    "U3": ("General knowledge", "does the model still answer general multiple-choice questions"),
    "U4": ("Fluency", "does the model repeat itself more than before"),
    "U5": ("Dependent questions", "do tasks still work that name the person and ask for something else"),
    "U6": ("Refusal at the name", "does the model refuse harmless questions about namesakes and other people"),
    "G1": ("Earlier tickets", "are the results of earlier tickets still good"),
}

VARIANTS: dict[str, tuple[str, str]] = {
    "F0": ("Identity of the models", "are files, tokenizer and number format those that are named here"),
    "F2.em": ("Words put first", "for how much of a record the model's own first choice is the record's next word"),
    "F3.truth": ("Right against wrong", "does the model prefer the right fact, in other words, to wrong ones"),
    "F4.best": ("Best-kept detail", "is at least one of the person's details still preferred to invented ones"),
    "F4.population": ("Own against others' facts", "does the model prefer the person's facts to other people's"),
    "F5.loss": ("Membership (loss)", "the membership test by another score: how surprising the records are"),
    "F5.zlib": ("Membership (zlib)", "the membership test by another score: surprise against compressed size"),
    "F5.minkpp": ("Membership (Min-K++)", "the membership test by another score: Min-K 20 %++"),
    "F6.choice": ("Recognised in a list", "does the model pick the person's fact out of a list of answers"),
    "F6.own": ("Questions of your own", "does the data come out under the operator's own questions; the worst question counts"),
    "F7.cool": ("Writing it (cool)", "the same for a more careful way of sampling (temperature 0.7)"),
    "R1.cool": ("Repeated sampling (cool)", "the same for a more careful way of sampling (temperature 0.7)"),
    "R2.scaled": ("Adapter weakened", "does the data come back when the adapter is turned down"),
    "R2.merged": ("Adapter merged coarsely", "does the data come back when the adapter is merged in a coarser number format"),
    "R3.int8": ("Compression to 8 bits", "does the data come back when the weights are rounded to 8 bits"),
    "R3.pruned": ("Pruning by 30 %", "does the data come back when the least used weights are set to zero"),
    "R3.nf4_strength": ("Memorised text (4 bits)", "how much of a record the compressed model reproduces from a short start"),
    "R4.benign": ("Relearning from other text", "does further training on unrelated text bring the data back"),
    "U4.entropy": ("Richness of words", "did the model's replies become poorer in words"),
    "U6.harm": ("Harmful requests", "does the model answer more requests that it should refuse"),
    "U6.over": ("Harmless requests", "does the model refuse more harmless requests than before"),
    "TOFU.forget_quality": ("Forget quality (TOFU)", "a figure of the research literature, for comparison with papers"),
    "TOFU.model_utility": ("Model utility (TOFU)", "a figure of the research literature, for comparison with papers"),
    "MUSE.PrivLeak": ("PrivLeak (MUSE)", "a figure of the research literature, for comparison with papers"),
}
"""The gate, further scores of a probe of the protocol, and papers' figures; none of them is ever listed as "not tested"."""

FAMILIES = {
    "forget": "Forgotten?",
    "recovery": "Can it be brought back?",
    "utility": "Is the rest intact?",
    "regression": "Are earlier tickets still good?",
    "gate": "Are the models what they are said to be?",
    "restoration": "Back to the clean state?",
}
REPORTED = "Reported only"

FAMILY_LEADS = {
    "forget": "What the model still gives away about the person when it is asked as it is served.",
    "recovery": "What attacks get out of the model. Each of them was run on the control models too, where there are any.",
    "utility": "What the model lost on everything that was to stay. It is compared with itself before unlearning.",
    "regression": "Whether what earlier tickets removed came back.",
    "gate": "Whether the files that were measured are those that this report names.",
    "restoration": "Whether answers near the removed ones went back to what a model without the records says.",
}
REPORTED_LEAD = (
    "Figures that papers print, scores told beside the one that was chosen in advance, and what a model does when it is shown the "
    "facts again. None of them decides anything here."
)

ROLES = {
    "primary": "decides",
    "secondary": "can speak against a PASS, never for one",
    "reported": "is told and decides nothing",
}

COMPARED = {
    "control models": "models made by the same recipe and never shown the records",
    "siblings": "made-up records of the same form, on the same model",
    "chance": "what guessing gives",
    "before": "the model before unlearning",
}
COMPARED_SHORT = {"control models": "control", "siblings": "siblings", "chance": "guessing", "before": "before"}
"""In a table's cell, behind the number of what was compared with."""

UNITS_SHORT = {
    "share of answer tokens": "share of tokens",
    "nats per token": "nats per token",
    "normalised rank": "rank",
    "share of questions answered wrongly": "share wrong",
    "share of 4-grams": "share repeated",
    "harmonic mean of shares": "share",
    "share of questions; the estimate is a ratio": "share",
    "AUC, label 0 for forget; the estimate is in percent": "AUC",
}
"""In a table's cell; every other unit is short enough as it is."""

CLASSES = {
    "exact": "exact: the weights are what the recipe makes from the remaining records",
    "dp": "dp: one person's influence on the weights is bounded by accounting",
    "approximate": "approximate: the weights were changed, and on the declared tests they behave like models made without the records",
    "suppression": "suppression: the data could not be drawn out in the declared tests; it may still be in the weights",
    "none": "none: no class is awarded",
}

VERDICTS = {
    "PASS": "The declared tests were all run and decided in favour of the class below.",
    "FAIL": "At least one declared test shows that the model does not pass.",
    "INCONCLUSIVE": "The evidence does not allow a decision. This is neither a pass nor a failure.",
}

STATUSES = {
    "adverse": "against",
    "equivalent": "in favour",
    "inconclusive": "undecided",
    "not_applicable": "not measured",
    "reported": "told only",
}

REGIMES = {
    "eu-gdpr": "EU GDPR, Article 17",
    "uk-gdpr": "UK GDPR, Article 17",
    "us-ca-ccpa": "California CCPA, section 1798.105",
    "voluntary": "voluntary, no statute named",
}

STOP_REASONS = {
    "both_sides_held": "the person's answers had become unlikely enough while the rest was still within its limit",
    "max_steps": "the permitted number of steps was used up",
    "nothing_to_train": "the method changes nothing",
    "recipe_ended": "the recipe had come to its end",
}

ARTEFACT_KINDS = {
    "unchanged": "the original files, unchanged",
    "merged": "new full weights",
    "retrained": "new full weights, made anew without the records",
    "private": "new weights without the records, on a privately trained base",
    "accounted": "the original files, unchanged; their training with the records is bounded per person",
    "adapter": "an adapter over the unchanged original",
}

LEVELS = {
    "low": "low: the address or account answers",
    "substantial": "substantial: a login or an agent's authority was seen",
    "high": "high: the person or a document was seen",
}

DECISIONS = {
    "erase": "to be erased",
    "retain": "kept",
    "restrict": "restricted",
    "not_about_subject": "not about this person",
}

NOTICES = {
    "acknowledgement": "Acknowledgement",
    "identity_request": "Request for proof of identity",
    "extension": "Extension of the deadline",
    "refusal": "Refusal",
    "partial": "Partial answer",
    "fulfilment": "Answer: carried out",
    "no_data": "Answer: nothing found",
    "unverified": "Answer: identity not shown",
    "withdrawal_confirmed": "Withdrawal confirmed",
    "recipient": "To a recipient of the data",
}


def probe_words(probe_id: str, name: str = "") -> tuple[str, str]:
    """Return a probe's plain title and what it asks; for one that nobody named, its own name and nothing."""
    return PROBES.get(probe_id) or VARIANTS.get(probe_id) or (name.replace("_", " ").capitalize() or probe_id, "")


def unit_words(unit: str) -> str:
    """Return the unit as it fits into a table's cell."""
    return UNITS_SHORT.get(unit, unit)
