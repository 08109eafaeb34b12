"""A second opinion on a bundle, for tests: written from the formats' definitions, sharing no code with `rtbf` or its checker.

Done another way here: the archive is read byte by byte (PKWARE APPNOTE), signatures and time-stamps by the program `openssl`, proofs by
recursion from the definitions of PATH and PROOF (RFC 9162 §2.1.3.1, §2.1.4.1), notes by one regular expression (C2SP), the verdict in
exact fractions (second_verdict.py, beside this file), a proof's parts in second_proof.py. Canonical JSON is what `json.dumps` writes with
sorted keys: RFC 8785's bytes where, as here, keys are ASCII and no number is a float. Whatever is missing or of an unforeseen type is
refused. Bundles are of the third version on; earlier reports have none. Not looked at: a PDF's signature, model files, item logs,
receipts, heads from elsewhere, sizes; what no rule below reads of a statement: other models' digests, legal clock, fixed sentences, a
claim's words.
"""

# fmt: off
# ruff: noqa: E401, I001, SIM905 - a rule on a line, so that an auditor reads the whole in one sitting: a test holds it to 300 lines
import base64, functools, hashlib, json, re, runpy, ssl, struct, subprocess, sys, tempfile, zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Json = dict[str, Any]
N, HASHES, FORM = r"(0|[1-9][0-9]{0,18})", r"((?:[A-Za-z0-9+/]{43}=\n)*)", r"[a-z_]{1,40}[.][a-z_]{1,40} [0-9a-f]{32} .*"
NAMES = rf"report\.(dsse\.json(\.tsr)?|pdf)|trust\.json|events\.jsonl|checkpoint|VERIFY\.md|proofs/{N}\.tlog-proof|consistency/{N}-{N}\.txt"
HEAD = rf"(([!-*,-~]{{1,200}})\n{N}\n([A-Za-z0-9+/]{{43}}=)\n)\n((?:— [^\s+\0-\x1f]+ \S+\n){{1,64}})"
TIME, EVER = r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3}Z", "9999-12-31T23:59:59.999Z"
ED25519, SHA256 = bytes.fromhex("302a300506032b6570032100"), bytes.fromhex("300d060960864801650304020105000420")  # RFC 8410 §4, RFC 5754 §2
VERIFY_TEXTS = {"015663d20eef2c9627a1d2fbd9c04d7d2512b43c67eed6e3e314ee3bff571b7b",
                "ac0994420ab060fc8b2094db1b14bf619f4763c2468f33a5a2de222e7f82f067"}
TRUST = "schema version issued expires root keys logs witnesses_needed pdf_roots tsa_roots"
KEY, EVENT = "id alg role spki not_before not_after revoked_at name", "actor data idx log nonce ticket time tseq type v"
TYPES = [("https://in-toto.io/Statement/v1", f"https://rtbf.example/attestations/unlearning-audit/v{n}") for n in (3, 4, 5, 6)]
PARTS = ("report ticket clock footprint decisions holds lineage plan approvals quorum unlearned measured probes verdict limitations key "
         "trail not_tested residuals recipients notices lapses_when supersedes time_stamp declarations records software")
KINDS = ("unchanged merged adapter", "retrained", "private accounted")  # of artefacts: until version 4, since 5, since 6
PLANNED = "probe_id name family unit direction margin margin_origin code_digest".split()
RULES = runpy.run_path(str(Path(__file__).with_name("second_verdict.py")))  # which shares no code with `rtbf` either
PROOFS = runpy.run_path(str(Path(__file__).with_name("second_proof.py")))  # nor does this
STATES = {one[0]: one for one in "received identifying locating planning awaiting_approval unlearning verifying closed".split()}
MOVES = {"identity.asked": "ri", "identity.established": "rlil", "footprint.completed": "lp", "footprint.reopened": "pl",
    "plan.frozen": "pa", "plan.superseded": "ap", "unlearning.started": "au", "unlearning.abandoned": "up", "unlearning.finished": "uv",
    "verdict.replanned": "vp", "ticket.closed": "rciclcpcacvc", "ticket.reopened": "cl"}
def verdict_on(bundle: bytes | Mapping[str, bytes], trust: bytes, root: str | None = None) -> tuple[bool, str]:
    """Return whether the bundle is accepted under the auditor's trust file, and the first reason when it is not."""
    try:
        files = unzipped(bundle) if isinstance(bundle, bytes) else dict(bundle)
        need(all(re.fullmatch(NAMES, name) for name in files) and sha(files["VERIFY.md"]) in VERIFY_TEXTS, "form: a name, or VERIFY.md")
        anchor = read_trust(trust, root)
        check_own_trust(files["trust.json"], trust, anchor)
        body = read_statement(files, anchor)
        check_content(body["subject"], body["predicate"], body["version"])
        check_approvals(body["predicate"], {key["id"]: key for key in anchor["keys"]})
        events = read_events(files, body["predicate"], anchor)
        check_story(events, body["predicate"])
        check_sealing(events, body["predicate"], files)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error) as refused:
        return False, f"{refused}" if isinstance(refused, ValueError) else f"form: missing, or of another type ({refused!r})"
    return True, "accepted"
def need(holds: object, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
def sha(content: bytes) -> str: return hashlib.sha256(content).hexdigest()
def has(value: Json, names: str) -> bool: return {*value} == {*names.split()}
def canonical(value: Any) -> bytes: return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
def integer(digits: str) -> int: return int(digits if len(digits) < 16 else "no safe integer")
def at(written: str) -> datetime: return datetime.fromisoformat(written if re.fullmatch(TIME, written) else "no RFC 3339 in UTC with ms")
def in_force(key: Json, instant: datetime) -> bool: return at(key["not_before"]) <= instant <= at(key["not_after"] or EVER)
def strict(raw: bytes) -> Any:
    value = json.loads(raw.decode(), parse_int=integer, parse_float=int, parse_constant=int)  # int of a float's text is a ValueError
    need(raw == canonical(value), "form: not canonical JSON, or a key twice")
    return value
def unbase64(written: str) -> bytes:
    need(base64.b64encode(content := base64.b64decode(written, validate=True)).decode() == written, "form: base64 with stray bits")
    return content
def openssl(command: str, **files: bytes) -> tuple[bool, bytes]:  # whether it was content with these files, and what it wrote
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        ran = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=False)
    return ran.returncode == 0, ran.stdout
@functools.lru_cache(maxsize=512)
def is_signed(spki: str, signature: bytes, message: bytes) -> bool:
    files = {"key": unbase64(spki), "signature": signature, "message": message}
    need(len(files["key"]) == 44 and files["key"].startswith(ED25519) and len(signature) == 64, "signature: not Ed25519")
    return openssl("pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in message -sigfile signature", **files)[0]
def opened(raw: bytes, kind: str) -> tuple[str, bytes, bytes, bytes]:  # key id, signature, what it is over (DSSE's PAE), and the payload
    (by,), payload = (envelope := strict(raw))["signatures"], unbase64(envelope["payload"])
    need(has(envelope, "payload payloadType signatures") and has(by, "keyid sig") and envelope["payloadType"] == kind, "signature: of what")
    return by["keyid"], unbase64(by["sig"]), f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload, payload
def unzipped(raw: bytes) -> dict[str, bytes]:  # of an archive in which every byte is accounted for
    files, listing, place = {}, b"", 0
    while raw.startswith(b"PK\3\4", place):
        size, _, length = struct.unpack_from("<IIH", raw, place + 18)
        name, start = raw[place + 30 : place + 30 + length], place + 30 + length
        content = raw[start : start + size]
        entry = struct.pack("<5H3I2H", 20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0)  # 33: 1 January 1980
        need(raw[place:start] == b"PK\3\4" + entry + name and name.decode() > max(files, default=""), "form: an odd entry, or out of order")
        listing += b"PK\1\2\x14\3" + entry + struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, place) + name
        files[name.decode()], place = content, start + size
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, len(files), len(files), len(listing), place, 0)
    need(raw[place:] == listing + end, "form: something in the archive beside its files")
    return files
def read_trust(raw: bytes, root: str | None) -> Json:
    signer, signature, signed, payload = opened(raw, "application/vnd.rtbf.trust+json")
    trust: Json = strict(payload)
    keys, roles, logs = {key["id"]: key for key in trust["keys"]}, [key["role"] for key in trust["keys"]], trust["logs"]
    need(has(trust, TRUST) and trust["schema"] == "rtbf.trust/2" and trust["version"] > 1 and len(keys) == len(roles), "trust: its form")
    for key in trust["keys"]:
        need(has(key, KEY) and "sha256:" + sha(unbase64(key["spki"])) == key["id"] and at(key["revoked_at"] or EVER), "trust: a key's id")
        need((key["role"] == "witness") == (key["name"] is not None) and in_force(key, at(key["not_before"])), "trust: a key's name, times")
    for place, log in enumerate(logs):
        free = {one["origin"] for one in logs[:place]} - {one["continues"] for one in logs[:place]} | {None}
        need({keys[one]["role"] for one in log["key_ids"]} == {"log-signer"} and log["continues"] in free, "trust: a log")
    need(roles.count("root") == 1 and keys[signer]["role"] == "root" and trust["root"] == signer == (root or signer), "trust: another root")
    need(len({log["origin"] for log in logs}) == len(logs) and at(trust["issued"]) < at(trust["expires"]), "trust: logs, or dates")
    need(is_signed(keys[signer]["spki"], signature, signed) and 0 <= trust["witnesses_needed"] <= roles.count("witness"), "trust: forged")
    need(keys[signer]["revoked_at"] is None and in_force(keys[signer], at(trust["issued"])), "trust: issued by a root not in force")
    return trust
def check_own_trust(raw: bytes, auditors: bytes, anchor: Json) -> None:  # one without a root is from before there was one
    if raw != auditors and not has(strict(raw), "version issued keys"):
        old, new = sorted((read_trust(raw, anchor["root"]), anchor), key=lambda one: one["version"])
        need(old["version"] < new["version"] and old["logs"] == new["logs"][: len(old["logs"])], "trust: two files of which none is later")
        for key, later in ((key, later) for key in old["keys"] for later in [one for one in new["keys"] if one["id"] == key["id"]] or [{}]):
            need(key | {name: key[name] or later[name] for name in ("not_after", "revoked_at")} == later, "trust: another word on a key")
def read_statement(files: dict[str, bytes], trust: Json) -> Json:
    by, signature, signed, payload = opened(files["report.dsse.json"], "application/vnd.in-toto+json")
    signer = {key["id"]: key for key in trust["keys"]}.get(by, {"role": None})
    need(signer["role"] == "report-signer" and is_signed(signer["spki"], signature, signed), "signature: by no report signer, or wrong")
    body: Json = strict(payload)
    version = body.pop("_type"), body.pop("predicateType")
    need(version in TYPES, "signature: of a statement of another type")
    need(has(body, "subject predicate") and has(body["predicate"], PARTS), "content: other parts than a statement has")
    issued, token = at(body["predicate"]["report"]["issued_at"]), files.get("report.dsse.json.tsr")
    need(in_force(signer, issued) and (signer["revoked_at"] is None or (token and trust["tsa_roots"])), "time: not by a key in force")
    if token and trust["tsa_roots"]:
        cms = openssl("ts -reply -in token -token_out", token=token)[1]
        found = re.search(rb"\x18.([0-9]{14})(?:[.][0-9]+)?Z", cms, re.DOTALL)
        need(found and re.match(rb"0.{1,5}0.\x02\x01\0", token, re.DOTALL), "time: no time-stamp that was granted")
        stamped = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)  # type: ignore[index]
        roots = "".join(ssl.DER_cert_to_PEM_cert(unbase64(one)) for one in trust["tsa_roots"]).encode()
        asked = f"cms -verify -inform DER -in cms -CAfile roots -purpose timestampsign -attime {int(stamped.timestamp())}"
        is_good, told = openssl(asked, cms=cms, roots=roots)
        need(is_good and SHA256 + hashlib.sha256(files["report.dsse.json"]).digest() in told and found[0] in told, "time: a stamp on what")
        need(max(issued - timedelta(minutes=5), at(signer["not_before"])) <= stamped < at(signer["revoked_at"] or EVER), "time: when")
    return body | {"version": 3 + TYPES.index(version)}
def check_content(subjects: list[Json], p: Json, version: int) -> None:
    is_fourth = version > 3
    pairs, plan, kind = sorted([one["name"], one["digest"]["sha256"]] for one in subjects), p["plan"], p["measured"]["artefact_kind"]
    need(len(dict(pairs)) == len(pairs) and not {part for name, _ in pairs for part in name.split("/")} & {"", ".", ".."}, "content: names")
    need("sha256:" + sha(canonical(pairs)) == p["unlearned"]["artefact_digest"] and kind == p["unlearned"]["kind"], "content: the artefact")
    made = {arm["digest"] for arm in p["measured"]["arms"] if arm["role"] == "unlearned"}
    need(kind == "adapter" or made == {p["unlearned"]["artefact_digest"]}, "content: other weights measured than made")
    need(kind in " ".join(KINDS[: max(1, version - 3)]).split() and ("proof" in p["unlearned"]) == (version > 4), "content: of what kind")
    need((p["unlearned"].get("proof") is not None) == (kind in " ".join(KINDS[1:])), "content: made anew without a proof, or the reverse")
    if proof := p["unlearned"].get("proof"):
        PROOFS["check_proof"](proof, p["unlearned"], pairs, version)
    fixed = PLANNED + ["role"] * is_fourth
    planned, measured = (sorted([one[name] for name in fixed] for one in part["probes"]) for part in (plan, p))
    need(planned == measured and len({one["probe_id"] for one in p["probes"]}) == len(planned), "content: other probes than planned")
    judged = ({one["probe_id"]: one for one in p["probes"]}, plan["class_requested"], kind, p["verdict"])
    if not is_fourth:
        return RULES["check_first"](*judged)  # type: ignore[no-any-return]
    named, used = plan["qualification"], p["measured"]["qualification"]
    if named or used:
        need(named["digest"] == used["digest"] and named["covers"] == used["covers"], "content: another qualification than planned")
        need(used["is_in_date"] or named["ends_on"] < p["report"]["issued_at"][:10], "content: a qualification called lapsed")
        need(not used["is_in_date"] or named["ends_on"] >= p["quorum"]["unlearning_started_at"][:10], "content: a lapsed qualification")
    return RULES["check_second"](*judged, used, p["unlearned"].get("proof"))  # type: ignore[no-any-return]
def check_approvals(p: Json, keys: Json) -> None:
    plan, quorum, issued, started = p["plan"], p["quorum"], at(p["report"]["issued_at"]), at(p["quorum"]["unlearning_started_at"])
    others, holders, live = {p["ticket"]["submitted_by"], plan["planned_by"], *p["decisions"]["deciders"]}, {}, set()
    for one in p["approvals"]:
        given, until, actor, mark = at(one["given_at"]), at(one["expires_at"]), one["actor_id"], one["signature"]
        need(one["decision"] == "approved" and actor not in others, "approvals: a no, or no second pair of eyes")
        need(given <= issued and until - given == timedelta(seconds=plan["approval_valid_s"]), "approvals: times")
        live |= {actor} if given <= started < until else set()
        if mark is not None:
            (by, *proof, payload), spki = opened(mark["envelope"].encode(), "application/vnd.rtbf.approval+json"), mark["spki"]
            claim = {"actor": actor, "decision": "approve", "plan": p["records"]["plan"], "ticket": p["ticket"]["ticket_id"]}
            claim |= {"given_at": one["given_at"], "expires_at": one["expires_at"], "version": "rtbf.approval/1"}
            need(payload == canonical(claim) and holders.setdefault(by, actor) == actor, "approvals: of something else, or one key for two")
            need(by == mark["key_id"] == "sha256:" + sha(unbase64(spki)) and is_signed(spki, *proof), "approvals: forged")
            key = keys.get(by, {"role": "approver", "not_before": one["given_at"], "not_after": None, "revoked_at": None})
            need(key["role"] == "approver" and in_force(key, given) and given < at(key["revoked_at"] or EVER), "approvals: the key")
    need(len(live) >= plan["quorum"] == quorum["needed"] > 0, "approvals: too few that were live when unlearning began")
    need(at(quorum["met_at"]) + timedelta(seconds=plan["grace_s"]) == at(quorum["grace_ends_at"]) <= started <= issued, "approvals: grace")
def read_head(note: str, trust: Json) -> tuple[list[str], int, bytes]:  # the ledger's names, oldest first; size and root
    words, origin, size, root, lines = re.fullmatch(HEAD, note).groups()  # type: ignore[union-attr]
    logs, known, seen = {log["origin"]: log for log in trust["logs"]}, {}, set()
    for key in trust["keys"]:
        kind, name = (b"\4", key["name"]) if key["role"] == "witness" else (b"\1", origin)
        if key["revoked_at"] is None and (kind == b"\4" or key["id"] in logs[origin]["key_ids"]):
            known[name, hashlib.sha256(name.encode() + b"\n" + kind + unbase64(key["spki"])[12:]).digest()[:4]] = kind, key["spki"]
    for _, name, blob in (line.split(" ") for line in lines.split("\n")[:-1]):
        kind, spki = known.get((name, (mark := unbase64(blob))[:4]), (b"", ""))
        stamp, mark = (b"cosignature/v1\ntime %d\n" % int.from_bytes(mark[4:12]), mark[12:]) if kind == b"\4" else (b"", mark[4:])
        need(mark and (not kind or ((kind, spki) not in seen and is_signed(spki, mark, stamp + words.encode()))), "heads: a signature")
        seen.add((kind, spki))
    kinds, names = [kind for kind, _ in seen], [origin]
    need(b"\1" in kinds and kinds.count(b"\4") >= trust["witnesses_needed"], "heads: not signed by its ledger and enough witnesses")
    while before := logs[names[0]]["continues"]:
        names.insert(0, before)
    return names, int(size), unbase64(root)
def joined(left: bytes, right: bytes) -> bytes: return hashlib.sha256(b"\1" + left + right).digest()
def climbed(leaf: bytes, m: int, n: int, path: list[bytes]) -> bytes:  # the root to which PATH(m, D[n]) leads from the leaf
    need(0 <= m < n and bool(path) == (n > 1), "events: a path of another length")
    if n == 1:
        return leaf
    inner, k = path[:-1], 1 << (n - 1).bit_length() - 1  # RFC 9162's k: the largest power of two below n
    return joined(climbed(leaf, m, k, inner), path[-1]) if m < k else joined(path[-1], climbed(leaf, m - k, n - k, inner))
def both_roots(m: int, n: int, path: list[bytes], known: bytes | None) -> tuple[bytes, bytes]:  # SUBPROOF(m, D[n], known)
    need(len(path) == (known is None) if m == n else path, "heads: a proof of another length")
    if m == n:
        return known or path[0], known or path[0]
    inner, k = path[:-1], 1 << (n - 1).bit_length() - 1
    older, newer = both_roots(m, k, inner, known) if m <= k else both_roots(m - k, n - k, inner, None)
    return (older, joined(newer, path[-1])) if m <= k else (joined(path[-1], older), joined(path[-1], newer))
def read_events(files: dict[str, bytes], p: Json, trust: Json) -> list[Json]:
    note, trail, events, last = files["checkpoint"].decode(), p["trail"], [], None
    (names, size, root), first, named = read_head(note, trust), trail["tree_size"], unbase64(trail["root"])
    found = re.fullmatch(rf"rtbf/consistency@v1\n{first} {size}\n{HASHES}", files[f"consistency/{first}-{size}.txt"].decode())
    need(found and 0 < first < size and len(named) == 32 and sum(name[:6] == "consis" for name in files) == 1, "heads: sizes, or proofs")
    need(both_roots(first, size, [*map(unbase64, found[1].split())], named) == (named, root), "heads: the ledger was rewritten")
    *lines, end = files["events.jsonl"].split(b"\n")
    need(not end and sum(name.startswith("proofs/") for name in files) == len(lines), "events: a cut line, or other proofs than events")
    for seq, line in enumerate(lines, start=1):
        event, leaf = strict(line), hashlib.sha256(b"\0" + line).digest()
        idx, log, form = event["idx"], event["log"], f"{event['type']} {event['nonce']} {at(event['time'])}"
        need(canonical([event[one] for one in ("ticket", "tseq", "v")]) == canonical([p["ticket"]["ticket_id"], seq, 1]), "events: which")
        need(has(event, EVENT + " tprev" * (seq > 1)) and has(event["actor"], "id") and re.fullmatch(FORM, form), "events: form")
        before = events[-1] if events else {"log": names[0], "idx": -1}
        need(event.get("tprev") == last and names.index(log) >= names.index(before["log"]) and idx > before["idx"], "events: chain, order")
        proof = re.fullmatch(rf"c2sp.org/tlog-proof@v1\nindex {idx}\n{HASHES}\n(.*)", files[f"proofs/{idx}.tlog-proof"].decode(), re.DOTALL)
        reached = climbed(leaf, idx, size, [*map(unbase64, proof[1].split())]) if proof and proof[2] == note else None
        need(reached == root, "events: not in the tree")
        events, last = [*events, event], leaf.hex()
        need(seq != trail["events"] or (last, log) == (trail["last_hash"], trail["log"]), "events: another last one than the report's")
    need([one["idx"] < first for one in events] == [seq < trail["events"] <= len(events) for seq in range(len(events))], "events: count")
    return events
def check_story(events: list[Json], p: Json) -> None:
    state, told, records = "received", events[: p["trail"]["events"]], p["records"]
    for event in events:
        if "from" in event["data"] or event["type"] in {*MOVES} - {"identity.asked"}:
            steps = [STATES[mark] for mark in MOVES[event["type"]]]
            source, state = state, event["data"]["to"]
            need(source == event["data"]["from"] and (source, state) in zip(steps[::2], steps[1::2], strict=True), "events: a move")
    kinds = [(event["type"], event["data"].get("record"), event["data"].get("attempt")) for event in told]
    need(kinds[0][1] == records["ticket"] and told[0]["actor"]["id"] == p["ticket"]["submitted_by"], "events: another ticket")
    need([one for one in events if one["type"] == "ticket.received"] == events[:1], "events: received twice, or not at first")
    need(max(at(one["time"]) for one in told) <= at(p["report"]["issued_at"]) + timedelta(minutes=5), "events: later than the report")
    need(("footprint.completed", records["footprint"]) in [kind[:2] for kind in kinds], "events: another footprint")
    frozen = [place for place, kind in enumerate(kinds) if kind == ("plan.frozen", records["plan"], p["report"]["attempt"])]
    begun, ended = ([one["type"] for one in told].index(kind, frozen[-1]) for kind in ("unlearning.started", "unlearning.finished"))
    need(begun < ended and "plan.frozen" not in [one["type"] for one in told[frozen[-1] + 1 : ended]], "events: another plan in between")
    made = (told[begun]["time"], kinds[ended][1], told[ended]["data"]["artefact"])
    need(made == (p["quorum"]["unlearning_started_at"], records["unlearned"], p["unlearned"]["artefact_digest"]), "events: other work")
    votes = [(place, one) for place, one in enumerate(told) if "approval." in one["type"] and one["data"].get("plan") == records["plan"]]
    need({(one["actor"]["id"], one["time"], one["data"]["signed_by"]) for _, one in votes} == {(one["actor_id"], one["given_at"], (
        one["signature"] or {"key_id": None})["key_id"]) for one in p["approvals"]}, "events: other decisions than the report's")
    need(all(one["type"] == "approval.given" and frozen[0] < place and (place < begun) == (one["time"] <= told[begun]["time"])
             for place, one in votes), "events: a decision out of order")
    issued = [one["data"] for one, kind in zip(told, kinds, strict=True) if kind[:2] == ("report.issued", records["verification"])]
    need(all((p["verdict"]["status"], p["verdict"]["class_awarded"]) == (one["verdict"], one["class"]) for one in issued), "events: what")
def check_sealing(events: list[Json], p: Json, files: dict[str, bytes]) -> None:
    name, earlier, seals = p["report"]["report_id"], p["supersedes"], [event for event in events if event["type"] == "report.sealed"]
    (event,) = (one for one in seals if one["data"]["report"] == name)
    named = (("envelope", "report.dsse.json"), ("pdf", "report.pdf"), ("token", "report.dsse.json.tsr"))
    here = {kind: sha(files[file]) if file in files else None for kind, file in named}
    later = [one["data"]["token"] for one in events[event["tseq"] :] if one["type"] == "report.stamped" and one["data"]["report"] == name]
    stated = {"attempt": p["report"]["attempt"], "report": name, "supersedes": earlier and earlier["report_id"], **here}
    stated |= {"token": event["data"]["token"]} if here["token"] in later else {}
    need(canonical(event["data"]) == canonical(stated) and event["idx"] >= p["trail"]["tree_size"], "sealing: what, when")
    need(at(event["time"]) >= at(p["report"]["issued_at"]) - timedelta(minutes=5), "sealing: before the report")
    before = [one["data"] for one in seals if one["idx"] < event["idx"] and one["data"]["attempt"] == stated["attempt"]][-1:]
    need([{"report_id": one["report"], "envelope_sha256": one["envelope"]} for one in before] == [earlier] * bool(earlier), "sealing: last")
if __name__ == "__main__":  # python tests/second_checker.py bundle.zip trust.json [root]
    sys.exit(0 if (told := verdict_on(*(Path(one).read_bytes() for one in sys.argv[1:3]), *sys.argv[3:]))[0] else told[1])
