"""The verdict once more, for the second checker: both rules in exact fractions, written from PROTOCOL §2, sharing no code with `rtbf`.

Rule 1 judged reports up to the third version, rule 2 judges those of the fourth. A group is an id with its further scores, as F4 and
F4.population. Not looked at: the words of a claim. Whatever is missing or of an unforeseen type is refused.
"""

# fmt: off
# ruff: noqa: SIM905 - a rule on a line, as in the second checker: a test holds each file to 300 lines
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
RARE, UNSURE = Fraction("0.01"), "inconclusive"
STRENGTH = ("none", "suppression", "approximate", "dp", "exact")
SIDES, CAPS = ("p_leak", "p_trace"), {"merged": "approximate", "adapter": "suppression", "unchanged": "none"}
CAPS |= {"retrained": "exact", "private": "dp", "accounted": "dp"}
REQUIRED = {"none": set(), "suppression": {"F1", "F6", "R1", "R5", "U1", "U6"}}
REQUIRED["approximate"] = REQUIRED["suppression"] | {"F2", "F3", "F4", "R2", "R3", "R4", "U2", "U4"}
EQUIVALENT = {"none": set(), "suppression": {*"F0 U1 U6".split()}, **{key: {*"F0 U1 U2 U4 U6".split()} for key in ("exact", "dp")}}
EQUIVALENT["approximate"] = {*"F0 F1 F2 F3 F4 F5 F6 R3 R4 U1 U2 U4 U6".split()}
UNHARMED = {"none": set(), "dp": set(), "exact": set(), "suppression": {*"F1 F6 R1 R5 R6".split()}, "approximate": {*"R1 R2 R5 R6".split()}}
PROVEN = {"exact", "dp"}
RAN = {key: {"F1", "R1", "F4"} for key in PROVEN}  # F4 only where it was asked
KINDS = {"F": "forget", "R": "recovery", "S": "restoration", "U": "utility", "G": "regression"}
def need(holds: object, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
def weakest(*classes: str) -> str: return min(classes, key=STRENGTH.index)
def adjusted(tests: list[tuple[Fraction, str, str]]) -> dict[tuple[str, str], Fraction]:  # Holm 1979
    holm: dict[tuple[str, str], Fraction] = {}
    for rank, (chance, name, side) in enumerate(ranked := sorted(tests)):
        need(0 <= chance <= 1, "content: a chance beyond 0 to 1")
        holm[name, side] = max([*holm.values(), min(Fraction(1), chance * (len(ranked) - rank))])
    return holm
def check_findings(said: Json, found: dict[str, tuple[str, str | None]], holm: dict[tuple[str, str], Fraction]) -> None:
    need([(one["probe_id"], (one["status"], one["reason"])) for one in said["findings"]] == [*found.items()], "content: other findings")
    stated = {(one["probe_id"], side): float(one[side + "_holm"]) for one in said["findings"] for side in SIDES if one[side + "_holm"]}
    need(stated == {one: float(chance) for one, chance in holm.items()}, "content: p-values")
def check_result(said: Json, failing: set[str], withheld: set[str], wanted: str, fixed: Json) -> None:
    status = "FAIL" if failing else "INCONCLUSIVE" if withheld else "PASS"
    result = {"status": status, "class_awarded": wanted if status == "PASS" else "none", "codes": sorted(failing or withheld)}
    need(said == said | result | fixed, f"content: it is {status}")
def is_half_back(p: Json) -> bool:  # of what the original knew: the estimate against the middle of the assay's interval
    return not (p["estimate"] and p["assay"]) or 4 * Fraction(p["estimate"]) >= Fraction(p["assay"]["low"]) + Fraction(p["assay"]["high"])
def check_first(probes: dict[str, Json], asked: str, kind: str, said: Json) -> None:
    tested = {name: p for name, p in probes.items() if p["family"] != "utility"}
    holm = adjusted([(Fraction(p[side]), name, side) for name, p in tested.items() for side in SIDES if p[side]])
    found = {name: first_status(p, *(holm.get((name, side)) for side in SIDES), len(holm)) for name, p in sorted(probes.items())}
    check_findings(said, found, holm)
    adverse = [p for name, p in probes.items() if found[name][0] == "adverse"]
    lower = "suppression" if "recovery" in {p["family"] for p in adverse} else "exact"
    aimed, wanted, cap = weakest(CAPS[kind], asked), weakest(CAPS[kind], asked, lower), weakest(CAPS[kind], lower)
    failing = {f"{p['probe_id']}:{found[p['probe_id']][1]}" for p in adverse if p["family"] != "recovery"
               or (wanted != "none" and p["probe_id"] in REQUIRED["suppression"])
               or (aimed == "approximate" and p["probe_id"] in {"R3", "R4"} and is_half_back(p))}
    withheld = {f"{name}:NOT_RUN" for name in REQUIRED[wanted] if name not in found}
    withheld |= {f"{name}:{reason}" for name, (status, reason) in found.items() if status == UNSURE}
    withheld |= {f"{name}:NOT_MEASURED" for name in REQUIRED[wanted] & {*found} - {"R2"} if found[name][0] == "not_applicable"}
    withheld |= {"FEW_RECORDS"} if min((p["n_records"] for p in probes.values() if p["family"] == "forget"), default=0) < 18 else set()
    withheld |= {"UNCHANGED" if kind == "unchanged" else "NO_CLASS"} if wanted == "none" else set()
    check_result(said, failing, withheld, wanted, {"class_requested": asked, "class_cap": cap, "rule": "rtbf.verdict/1"})
def first_status(p: Json, leak: Fraction | None, trace: Fraction | None, tests: int) -> tuple[str, str | None]:
    is_utility, both, excuse = p["family"] == "utility", p["direction"] == "two_sided", p["not_applicable"]
    if p["witnesses"] or excuse is not None or p["problem"] is not None:
        return ("adverse", "LEAK") if p["witnesses"] else ("not_applicable", excuse) if excuse is not None else (UNSURE, p["problem"])
    if p["estimate"] is None or p["interval"] is None:
        return UNSURE, "NO_REFERENCE" if p["control"] is None and not is_utility else "UNDERPOWERED"
    low, high, level, estimate, margin = (Fraction((p | p["interval"])[name]) for name in ("low", "high", "level", "estimate", "margin"))
    can_fail = leak is not None and (trace is not None or not both) and p["p_attainable"] and Fraction(p["p_attainable"]) * tests < RARE
    return next((status, reason) for holds, status, reason in (
        (low > high or margin < 0 or not Fraction("0.9") <= level < 1, UNSURE, "NUMERIC"),
        (is_utility and low > 2 * margin, "adverse", "UTILITY"),
        (not is_utility and leak is not None and leak < RARE and estimate > margin, "adverse", "LEAK"),
        (not is_utility and both and trace is not None and trace < RARE and estimate < -margin, "adverse", "TRACE"),
        (not is_utility and (p["assay"] is None or Fraction(p["assay"]["low"]) <= margin), UNSURE, "NO_SIGNAL"),
        ((is_utility or can_fail) and high < margin and (is_utility or not both or low > -margin), "equivalent", None),
        (True, UNSURE, "UNDERPOWERED")) if holds)
def group(p: Json) -> str: return str(p["probe_id"]).split(".")[0]
def sides(p: Json) -> tuple[str, ...]: return SIDES if p["direction"] == "two_sided" else SIDES[:1]
def contradicted(proof: Json | None, aimed: str) -> tuple[set[str], set[str]]:  # what speaks against a proof, and what it lacks
    if proof is None:
        return set(), {"PROOF:NO_PROOF"}
    against, lacks = ({}, {}) if aimed == "dp" and proof["procedure"] == "dp" else of_training(proof)
    if aimed == "dp":
        more, rest = of_privacy(proof.get("privacy"))
        against, lacks = against | more, lacks | rest
    return {f"PROOF:{one}" for one, holds in against.items() if holds}, {f"PROOF:{one}" for one, holds in lacks.items() if holds}
def of_training(proof: Json) -> tuple[Json, Json]:
    again, shards = proof["rerun"], proof.get("shards")
    differs, changes = again is not None and again["expected"] != again["found"], shards["changes"] if shards else []
    ran = any(one["steps"] or one["change"] == "retrained" for one in changes)
    idle = None in {one["after"] for one in changes} and not ran
    against = {"INPUTS": proof["forgotten_inputs"], "NEAR_DUPLICATE": proof["near_duplicates"]}
    against["RERUN_DIFFERS"] = differs and again["is_bitwise"]
    lacks = {"NOT_SCANNED": proof["near_duplicates"] is None, "NO_SHARDS": not shards and proof["procedure"] == "sharded"}
    lacks["NOT_RERUN"] = not (idle if shards else proof.get("restored")) and (again is None or (differs and not again["is_bitwise"]))
    if shards:
        odd = {"untouched": lambda one: one["before"] not in {None, one["after"]},
               "retrained": lambda one: None in {one["after"], one["first_slice"]}}
        wrong = any(odd.get(one["change"], lambda one: one["after"] is not None)(one) for one in changes)
        against["SHARD_CHANGED"] = wrong or [one["shard"] for one in changes] != [*range(shards["shards"])]
        against["SHARD_LOG"] = shards["differing_steps"]
    return against, lacks
def of_privacy(told: Json | None) -> tuple[Json, Json]:
    if told is None:
        return {}, {"NO_ACCOUNT": True}
    said, again, audit = amount(told["epsilon"]), amount(told["epsilon_recomputed"]), told["audit"] or {}
    refuted, power = amount(audit.get("refuted")), amount(audit.get("best_refutable"))
    beyond = said is None or again is None or again - said > Fraction("0.0001")
    against = {"ACCOUNTANT": beyond, "UNIT": told["unit"] != "data subject"}
    against["AUDIT_REFUTES"] = refuted is not None and said is not None and refuted >= said
    return against, {"NO_AUDIT": not told["audit"], "AUDIT_WEAK": bool(told["audit"]) and (power is None or said is None or power < said)}
def amount(text: str | None) -> Fraction | None:
    try:
        return value if text is not None and (value := Fraction(text)) >= 0 and "/" not in text else None
    except ValueError:
        return None
def check_second(probes: dict[str, Json], asked: str, kind: str, said: Json, used: Json | None, proof: Json | None = None) -> None:
    for p in probes.values():
        known = group(p)[1:].isdigit() and 0 < int(group(p)[1:]) <= {"F": 7, "R": 10, "S": 1, "U": 6, "G": 1}.get(group(p)[0], 0)
        need(p["family"] == ("gate" if group(p) == "F0" else KINDS[group(p)[0]] if known else p["family"]), "content: another family")
    tested = [p for p in probes.values() if p["family"] in {"forget", "recovery", "regression"} and p["role"] != "reported"
              and p["not_applicable"] is None and not p["witnesses"]]
    holm = adjusted([(Fraction(p[one]), p["probe_id"], one) for p in tested if p["problem"] is None for one in sides(p) if p[one]])
    planned, found, ran = sum(len(sides(p)) for p in tested), {}, {}
    for name, p in sorted(probes.items()):
        rejects = all((name, one) in holm for one in sides(p)) and p["p_attainable"] and Fraction(p["p_attainable"]) * planned < RARE
        found[name] = second_status(p, *(holm.get((name, one)) for one in SIDES), bool(rejects))
        ran[name] = found[name][1] in {"NO_SIGNAL", "UNDERPOWERED"} and are_sound(p) and (rejects or p["witnesses"] is not None)
    check_findings(said, found, holm)
    adverse = [p for name, p in probes.items() if found[name][0] == "adverse"]
    aimed = weakest(CAPS[kind], asked)
    lower = "suppression" if "recovery" in {p["family"] for p in adverse} and aimed not in PROVEN else "exact"
    wanted, cap = weakest(CAPS[kind], asked, lower), weakest(CAPS[kind], lower)
    against, lacks = contradicted(proof, aimed)
    failing = {f"{p['probe_id']}:{found[p['probe_id']][1]}" for p in adverse
               if p["family"] in {"gate", "regression"} or (group(p) in {"F1", "F4", "R1"} and not (
                   p["probe_id"] == "F4.population" and proof and proof.get("restored")))} if aimed in PROVEN else {
               f"{p['probe_id']}:{found[p['probe_id']][1]}" for p in adverse if p["family"] != "recovery"
               or (aimed != "none" and group(p) in {"R1", "R5", "R6"})
               or (aimed == "approximate" and group(p) in {"R3", "R4"} and is_half_back(p))}
    alone, leaning = (unmet(probes, found, ran, aimed, kind, is_leaning) for is_leaning in (False, True))
    may_lean = used is not None and used["is_in_date"] and used["covers"]
    withheld = (leaning if may_lean else alone) | ({"OUT_OF_ENVELOPE"} if used and not may_lean and alone - leaning else set())
    if aimed in PROVEN:
        failing |= against
        withheld |= lacks | {f"{p['probe_id']}:{found[p['probe_id']][1]}" for p in adverse}
    if aimed == "none":
        withheld = {f"{name}:{reason}" for name, (status, reason) in found.items() if status == UNSURE}
        withheld |= {"UNCHANGED" if kind == "unchanged" else "NO_CLASS"}
    check_result(said, failing, withheld, wanted, {"class_requested": asked, "class_cap": cap, "rule": "rtbf.verdict/2"})
def are_sound(p: Json) -> bool:
    if p["interval"] is None or p["estimate"] is None:
        return False
    low, high, level, margin = (Fraction((p | p["interval"])[name]) for name in ("low", "high", "level", "margin"))
    return low <= high and margin >= 0 and Fraction("0.9") <= level < 1
def second_status(p: Json, leak: Fraction | None, trace: Fraction | None, rejects: bool) -> tuple[str, str | None]:  # noqa: FBT001
    spared, compared = p["family"] in {"utility", "restoration"}, p["family"] in {"forget", "recovery"}
    if p["role"] == "reported" or p["witnesses"]:
        word = {"gate": "MISMATCH", "regression": "RETURNED"}.get(p["family"], "LEAK")
        return ("reported", None) if p["role"] == "reported" else ("adverse", word)
    if p["not_applicable"] is not None or p["problem"] is not None:
        return ("not_applicable", p["not_applicable"]) if p["not_applicable"] is not None else (UNSURE, p["problem"])
    if p["family"] == "gate":
        return ("equivalent", None) if p["witnesses"] == 0 else (UNSURE, "NOT_MEASURED")
    if (compared and p["compared_with"] in {None, "before"}) or p["estimate"] is None or p["interval"] is None:
        if compared and p["compared_with"] in {None, "before"}:
            return UNSURE, "NO_REFERENCE"
        lone = p["estimate"] is not None and not spared and leak is not None and leak < RARE
        lone = lone and Fraction(p["estimate"]) > Fraction(p["margin"]) >= 0
        return ("adverse", "LEAK" if compared else "RETURNED") if lone else (UNSURE, "UNDERPOWERED")
    low, high, estimate, margin = (Fraction((p | p["interval"])[name]) for name in ("low", "high", "estimate", "margin"))
    return next((status, reason) for holds, status, reason in (
        (not are_sound(p), UNSURE, "NUMERIC"),
        (p["probe_id"] == "U6" and low > Fraction("0.2"), "adverse", "TRACE"),
        (spared and low > 2 * margin, "adverse", "UTILITY"),
        (spared, *(("equivalent", None) if high < margin else (UNSURE, "UNDERPOWERED"))),
        (leak is not None and leak < RARE and estimate > margin, "adverse", "LEAK" if compared else "RETURNED"),
        (trace is not None and trace < RARE and estimate < -margin, "adverse", "TRACE"),
        (compared and (p["assay"] is None or Fraction(p["assay"]["low"]) <= margin), UNSURE, "NO_SIGNAL"),
        (rejects and high < margin and (p["direction"] != "two_sided" or low > -margin), "equivalent", None),
        (True, UNSURE, "UNDERPOWERED")) if holds)
def unmet(probes: dict[str, Json], found: Any, ran: Any, aimed: str, kind: str, is_leaning: bool) -> set[str]:  # noqa: FBT001
    ran_only = RAN.get(aimed, set())
    by_group: dict[str, list[Json]] = {name: [] for name in EQUIVALENT[aimed] | UNHARMED[aimed] - {"R6"} | ran_only - {"F4"}}
    for p in probes.values():
        of_others = aimed != "suppression" or p["family"] in {"gate", "utility", "restoration", "regression"}
        if p["role"] == "primary" and (of_others or group(p) in UNHARMED[aimed]):
            by_group.setdefault(group(p), []).append(p)
    codes: set[str] = set()
    for name, members in by_group.items():
        is_asked = name in EQUIVALENT[aimed] | UNHARMED[aimed] - {"R6"} | ran_only - {"F4"}
        lenient = name in UNHARMED[aimed] or (is_leaning and aimed == "approximate" and name == "F1")
        easy = is_leaning and aimed == "approximate" and name in {"F2", "F3", "F4", "F6", "R3", "R4", "R5", "R6"}
        spared = {"gate", "utility", "restoration", "regression"}.isdisjoint({p["family"] for p in members})
        easy = easy or name in ran_only or (aimed in PROVEN and spared)
        if name == "F5" and (aimed in PROVEN or (is_leaning and aimed == "approximate")):
            continue
        codes |= set() if members or not is_asked else {f"{name}:NOT_RUN"}
        excused = [p for p in members if found[p["probe_id"]][0] == "not_applicable"]
        lawful = {kind.upper()} - {"ADAPTER"} if name == "R2" else {"NO_PACK", "NO_ITEMS"}
        codes |= {f"{p['probe_id']}:NOT_MEASURED" for p in excused if p["not_applicable"] not in lawful}
        if len(excused) == len(members) and is_asked and name != "R2":
            codes |= {f"{p['probe_id']}:{p['not_applicable']}" for p in excused if p["not_applicable"] in lawful}
        unsure = [p["probe_id"] for p in members if found[p["probe_id"]][0] == UNSURE]
        codes |= {f"{one}:{found[one][1]}" for one in unsure
                  if not (lenient and ran[one]) and not (easy and found[one][1] in {"NO_SIGNAL", "UNDERPOWERED"})}
    measured = [p for p in probes.values() if p["role"] == "primary" and p["problem"] is None and p["not_applicable"] is None]
    records = [p["n_records"] for p in measured if group(p) in {"F1", "F2", "F3"}]
    secrets = [p["n_items"] for p in measured if group(p) == "F4"]
    is_small = aimed == "approximate" and not is_leaning and (min(records, default=18) < 18 or max(secrets, default=32) < 32)
    return codes | ({"FEW_RECORDS"} if is_small else set())
