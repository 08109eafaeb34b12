"""VERIFY.md of a bundle: for whoever opens it without our help. Its text is part of the bundle's format.

A bundle's copy must be byte-equal to one of VERIFY_TEXTS; a changed wording is another entry, and none is ever taken out.
"""

from __future__ import annotations

_FIRST = """\
# How to check this bundle

This bundle is about one signed report: what was asked to be forgotten, what was done, what was measured, and the record of
each step. It holds no personal data. You need the trust file of the operator, got by another path than this bundle, and
its root's fingerprint (on paper, or from the contract). The copy in here proves nothing by itself.

## With rtbf-check

    pip install --no-deps rtbf && pip install cryptography rfc8785
    rtbf-check bundle.zip --trust trust-from-the-operator.json --root FINGERPRINT

No network is needed. It prints twelve steps as ok, failed or not decided, and a result: 0 good, 1 bad, 3 cannot be decided.
Hand over what else you have: `--artefact FOLDER` (the model's files), `--items FILE` (the disclosed measurements),
`--head FILE` (a tree head you kept from earlier, or got from somebody else), `--receipt FILE` (what the requester got at
intake). `pip install 'rtbf[pdf,time]'` adds the checks of the PDF's signature and of the time-stamp.

## What is what

| file | what it is |
|---|---|
| report.dsse.json | the report: an in-toto statement in a DSSE envelope, signed by the report signer. It alone counts |
| report.dsse.json.tsr | an RFC 3161 time-stamp of report.dsse.json by an outside authority; not in every bundle |
| report.pdf | a view of the report for reading, with the envelope attached, signed as PAdES; not in every bundle |
| trust.json | the operator's trust file as it was when the bundle was made |
| events.jsonl | every event of this ticket in the operator's ledger, one canonical JSON text (RFC 8785) per line |
| checkpoint | the ledger's tree head: its name, its number of leaves, its root (RFC 9162), signed (C2SP checkpoint) |
| proofs/N.tlog-proof | that leaf N of the ledger is the event with "idx":N (C2SP tlog-proof) |
| consistency/M-N.txt | that the tree of N leaves begins with the tree of M leaves, which the report names |

## By hand

1. The report's signature. Write what was signed, then verify it with the key whose `id` is the `keyid` in the envelope:

       sed 's/.*"payload":"\\([^"]*\\)".*/\\1/' report.dsse.json | base64 -d > statement.json
       sed 's/.*"sig":"\\([^"]*\\)".*/\\1/' report.dsse.json | base64 -d > signature
       (printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < statement.json)"; cat statement.json) > signed
       sed 's/.*"payload":"\\([^"]*\\)".*/\\1/' trust.json | base64 -d    # find the key; its `spki` is base64:
       echo SPKI | base64 -d > key.der
       openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in signed -sigfile signature

   The trust file is signed in the same way, by the key of role `root`, as type `application/vnd.rtbf.trust+json` (31
   characters). A key's id is `sha256:` and `sha256sum key.der`; the root's is the fingerprint you were given.
2. The files. `sha256sum report.dsse.json report.dsse.json.tsr report.pdf` are the digests in the event `report.sealed`.
3. The chain. `tail -n +2 events.jsonl` shows in each line's `tprev` the hash of the line before it, and `tseq` counts:

       (printf '\\0'; sed -n 1p events.jsonl | tr -d '\\n') | sha256sum

4. The tree. Start from the hash of an event's line as in 3; go up with the hashes of its proof, left or right as the index
   tells (RFC 9162 section 2.1.3.2), each step SHA-256 of a byte 1 and both hashes. The end is the root in `checkpoint`.
5. The time-stamp, with the authority's certificates:

       openssl ts -verify -in report.dsse.json.tsr -data report.dsse.json -CAfile authority.pem

   Once the authority's certificate has run out, add `-attime` and the token's time in Unix seconds (`openssl ts -reply -in
   report.dsse.json.tsr -text` prints it).
6. The verdict. In statement.json, compare each probe's interval with its margin; margins were fixed in the plan, whose
   digest the event `plan.frozen` names before `unlearning.started`.

Viewers print "valid" for a PDF whose pages were replaced after signing. Believe the envelope, not the pages.

## What nobody can see from here

That the measurements were made honestly; that an event was never written down in the first place; that the model in use is
the one whose files were measured; and, without an outside witness or a tree head of your own to compare with, that the
operator shows everybody the same ledger.
"""

_SEEN_BEFORE = 'Viewers print "valid" for a PDF'
_SHARDS = """\
7. A model in shards. Where statement.json has `unlearned.proof.shards`, ask the operator to train a shard again while you look:
   `rtbf model replay MODEL --revision N --shard K`. It reads no checkpoint, only the records that the registry names, and must
   end in the digest that `changes` gives for that shard as `after`; without `--shard` it trains all of them, and must end in the
   digest of the files that the report is about. Equal bytes are promised on the build and thread count that `environment`
   names, on a CPU; elsewhere the same holds in law only. An account of a private training (`unlearned.proof.privacy`) can be
   counted again from its terms by any accountant of the Poisson-subsampled Gaussian mechanism.

"""
_SECOND = _FIRST.replace(_SEEN_BEFORE, _SHARDS + _SEEN_BEFORE)

VERIFY_TEXTS = (_FIRST.encode(), _SECOND.encode())
VERIFY_TEXT = VERIFY_TEXTS[-1]
"""What goes into a bundle made today."""
