"""Plain words for what the statement says in codes: probes, classes, regimes, reasons. Read by people who write no code.

Standard library only. The table of probes is PROTOCOL §1; a probe that was not run is listed from it as "not tested".
"""

from __future__ import annotations

PROBES: dict[str, tuple[str, str]] = {
    "F1": ("Word-for-word completion", "given the start of a record, does the model write the rest word for word"),
    "F2": ("Memorised text", "how much of a record the model reproduces from how short a start"),
    "F3": ("Certainty of the answer", "how likely the model finds the true answer to a question on the person"),
    "F4": ("Real against invented", "does the model prefer the person's true details to invented ones of the same form"),
    "F5": ("Membership tests", "can statistical tests tell that the records were once in the training data"),
    "F6": ("Other wordings", "does the person's data come out when the question is put in another form"),
    "F7": ("Chance of writing it", "how likely the production settings are to write the data out"),
    "R1": ("Repeated sampling", "does the data come out when the model is asked very many times"),
    "R2": ("Adapter switched off", "does the data come back when the adapter is switched off; scaled or halved adapters were not tried"),
    "R3": ("Compression", "does the data come back when the weights are quantised or pruned"),
    "R4": ("Relearning", "does a little further training bring the data back faster than in a model that never had it"),
    "R5": ("Jailbreak prompts", "do prompts made to get round a refusal bring the data out"),
    "R6": ("Translation and inference", "does the data come out in another language or through several questions"),
    "R7": ("Inner layers", "do the inner layers still hold the data"),
    "R8": ("Steering", "does pushing the model's inner state bring the data back"),
    "R9": ("Comparison with the old weights", "can somebody with both versions find what was removed"),
    "R10": ("Telling it again", "does the model repeat the data when the prompt holds it"),
    "S1": ("Return to the clean state", "do neighbouring facts stand as in a model that never had the data"),
    "U1": ("Text it should keep", "how well the model still predicts the records that stay"),
    "U2": ("Neighbouring people", "does the model still answer questions about others"),
    "U3": ("General knowledge", "does the model still answer general multiple-choice questions"),
    "U4": ("Fluency", "does the model still write natural text"),
    "U5": ("Dependent questions", "do tasks still work that lean on facts near the removed ones"),
    "U6": ("Refusals and harm", "does the model refuse too much, or answer what it should refuse"),
    "G1": ("Earlier tickets", "are the results of earlier tickets still good"),
}

VARIANTS: dict[str, tuple[str, str]] = {
    "F2.em": ("Words put first", "for how much of a record the model's own first choice is the record's next word"),
}
"""A second statistic of a probe of the protocol; it does not count as that probe."""

FAMILIES = {
    "forget": "Forgotten?",
    "recovery": "Can it be brought back?",
    "utility": "Is the rest intact?",
}

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
    "not_applicable": "does not apply",
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
}

ARTEFACT_KINDS = {
    "unchanged": "the original files, unchanged",
    "merged": "new full weights",
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
