"""The certificate alone: the model that is served was itself trained so that the person's influence on it is bounded; nothing is done.

Only where the organisation's policy says that such a bound fulfils a request (RTBF_DP_WITHOUT_COMPUTE). The weights keep what the
bound leaves, for the person as for everybody else: whether that is erasure is a question of law, which this method does not answer.
Source: DESIGN §2, class D; specs/methods/dp-sgd-practice.md ("then covered with no compute").
"""

from __future__ import annotations

CARD = {
    "name": "dp_certificate",
    "title": "Nothing done: the training's own bound",
    "paper": "Dwork & Roth 2014, The Algorithmic Foundations of Differential Privacy, §2.3",
    "source": "specs/methods/dp-sgd-practice.md, Guarantee",
    "parameters": [],
    "needs": ["a model that was trained here by the recipe dp and not changed since", "the policy RTBF_DP_WITHOUT_COMPUTE=yes"],
    "artefact": "none",
    "class_cap": "dp",
    "works_on": ["dp"],
    "cost_formula": "0",
    "warnings": ["Nothing is removed: a bound on the person's influence, which was there before, is stated."],
}
