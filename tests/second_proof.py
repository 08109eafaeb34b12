"""How weights came about, once more, for the second checker: can the parts of a statement's proof be true together?

Written from the definitions in docs/evidence.md and of the proof's fields, sharing no code with `rtbf`. What the proof shows is judged
in second_verdict.py. Whatever is missing or of an unforeseen type is refused.
"""

# fmt: off
# ruff: noqa: E401, I001 - a rule on a line, as in the second checker: a test holds each file to 300 lines
import hashlib, json, re
from typing import Any

Json = dict[str, Any]
PROOF = "procedure recipe_digest inputs inputs_digest forgotten_inputs near_duplicates run_words rerun unaudited"
SHARDS = "family shards slices slice_steps state_before state_after changes kept_steps differing_steps together_with rerun_shard"
ACCOUNT = "certificate unit epsilon epsilon_recomputed delta accountant k_max subject_records outside_records audit warm_start"
DIGEST, AMOUNT = r"sha256:[0-9a-f]{64}", r"[0-9]{1,30}([.][0-9]{0,30})?|[.][0-9]{1,30}"
def need(holds: object, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
def sha(content: bytes) -> str: return hashlib.sha256(content).hexdigest()
def has(value: Json, names: str) -> bool: return {*value} == {*names.split()}
def canonical(value: Any) -> bytes: return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
def amounts(*texts: str, more: str = "") -> bool: return all(re.fullmatch(AMOUNT + more, one) for one in texts)
def counts(least: int, *numbers: Any) -> bool: return all(type(one) is int and one >= least for one in numbers)
def digests(*texts: str) -> bool: return all(re.fullmatch(DIGEST, one) for one in texts)
def check_proof(proof: Json, u: Json, pairs: list[list[str]], version: int) -> None:  # can its parts be true together
    again, shards, privacy, base = proof["rerun"], *(proof.get(one) for one in ("shards", "privacy", "restored"))
    need(has(proof, PROOF + " restored shards privacy" * (version > 5)) and isinstance(proof["unaudited"], list)
         and isinstance(proof["procedure"], str), "content: a proof's parts")
    need(digests(*(proof[one] for one in ("recipe_digest", "inputs_digest")), *proof["unaudited"]), "content: a proof's digests")
    need(counts(0, u["steps"], *(proof[one] for one in ("inputs", "forgotten_inputs", "run_words")))
         and (proof["near_duplicates"] is None or counts(0, proof["near_duplicates"]))
         and (privacy is not None) == (u["kind"] in {"private", "accounted"}), "content: a proof's counts, or whose account")
    if again is not None:
        need(has(again, "from_step to_step expected found is_bitwise") and digests(again["expected"], again["found"])
             and counts(0, again["from_step"]) and type(again["is_bitwise"]) is bool, "content: a second run")
        last = shards["slices"] * shards["slice_steps"] if shards else u["steps"]
        need(counts(again["from_step"] + 1, again["to_step"]) and again["to_step"] <= last, "content: steps of a second run")
    if base is not None:
        words = canonical({"base": base, "instead_of": u["base_digest"], "schema": "rtbf.restored/1"})
        note = [f"restored-instead-of-{u['base_digest'][7:23]}.json", sha(words)]
        rest = "sha256:" + sha(canonical([one for one in pairs if one != note]))
        need(note in pairs and rest == base and not (proof["inputs"] or again or u["steps"]), "content: other files than the base's")
    if shards is not None:
        check_shards(shards, again, u["steps"])
    if privacy is not None:
        check_account(privacy, privacy["audit"], privacy["warm_start"])
def check_account(p: Json, audit: Json | None, start: Json | None) -> None:
    need(has(p, ACCOUNT) and digests(p["certificate"]) and amounts(p["epsilon"], p["epsilon_recomputed"], p["delta"])
         and counts(1, p["k_max"]) and counts(0, p["subject_records"], p["outside_records"]), "content: an account")
    need(isinstance(p["unit"], str) and isinstance(p["accountant"], str), "content: an account of what, by what")
    need(audit is None or (has(audit, "canaries guesses right level refuted best_refutable")
         and counts(0, audit["right"]) and counts(audit["right"], audit["guesses"]) and counts(audit["guesses"], audit["canaries"])
         and amounts(audit["level"], *(audit[one] for one in ("refuted", "best_refutable") if audit[one] is not None))), "content: audit")
    need(start is None or (has(start, "epochs full_epochs private_nll_nats untrained_nll_nats")
         and counts(1, start["epochs"]) and counts(start["epochs"], start["full_epochs"])
         and amounts(start["private_nll_nats"], start["untrained_nll_nats"], more="|not finite")), "content: a warm start")
def check_shards(s: Json, again: Json | None, steps: int) -> None:
    changes, slices, each, kept = s["changes"], s["slices"], s["slice_steps"], 0
    need(has(s, SHARDS) and counts(1, s["shards"], slices, each) and digests(s["state_before"], s["state_after"])
         and isinstance(s["family"], str) and counts(0, s["differing_steps"], s["together_with"], s["kept_steps"]), "content: shards")
    need([one["shard"] for one in changes] == [*range(len(changes))] and len(changes) == s["shards"], "content: which shards")
    for one in changes:
        first, ends = one["first_slice"], [one[name] for name in ("before", "after") if one[name] is not None]
        ran = (slices - first + 1) * each if one["change"] == "retrained" else 0
        need(has(one, "shard change before after first_slice steps") and digests(*ends) and counts(0, one["shard"], one["steps"])
             and one["change"] in {"untouched", "retrained", "switched_off", "emptied"}, "content: a shard's change")
        need(one["steps"] == ran and (counts(1, first, ran) if ran else first is None), "content: a shard's steps")
        kept += 0 if one["after"] is None else slices * each - ran
    need(sum(one["steps"] for one in changes) == steps and s["differing_steps"] <= s["kept_steps"] <= kept, "content: steps")
    need((s["rerun_shard"] is None) == (again is None), "content: whose second run")
    need(again is None or (counts(0, s["rerun_shard"]) and changes[s["rerun_shard"]]["after"] is not None
         and again["from_step"] // each == (again["to_step"] - 1) // each), "content: a second run of a shard")
