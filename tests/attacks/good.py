"""The good folders: bundles and receipts that must be accepted for ever, each for one reason why it could be refused by mistake."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from rtbf.evidence.keys import key_id
from rtbf.evidence.trust_change import with_log
from rtbf.evidence.trust_file import sign_trust
from rtbf.report.predicate import SupersededPart
from tests import builders, bundles, proven
from tests.attacks import material
from tests.attacks.heads import FIRST, WITNESSES, later_story, other_story
from tests.attacks.record import Good, Laid, bundle, envelope_alone, good, laid, small, tale
from tests.attacks.statements import failed_case, itemised
from tests.bundles import Told, Tree, leaves_of, sealing, signed_head

RESTARTED = f"{builders.LOG}/2"


def _folder() -> Laid:
    plain = laid(good())
    unpacked = {f"bundle/{name}": content for name, content in good().items()}
    return replace(plain, files={"trust.json": plain.files["trust.json"], **unpacked}, file="bundle")


def _superseded() -> Laid:
    """A later report stands in this one's place, and this one's bundle was made after that."""
    later = Told(
        type="report.sealed",
        time="2026-04-01T12:00:01.000Z",
        data={"attempt": 1, "report": "rep_02test", "envelope": "ab" * 32, "pdf": None, "token": None, "supersedes": "rep_01test"},
    )
    return laid(bundle(after=[later]))


def _superseding() -> Laid:
    earlier_case = small(report_id="rep_00test")
    envelope = builders.envelope(earlier_case)
    made = small(
        supersedes=SupersededPart(report_id="rep_00test", envelope_sha256=hashlib.sha256(envelope).hexdigest()),
    )
    return laid(bundle(made, before=[*tale(), sealing(earlier_case, envelope, None, None)]))


def _restarted() -> Laid:
    """The ledger was lost after the report was sealed and goes on under its second name, which the trust file knows."""
    named = with_log(builders.trusted(bundles.NEW_YEAR), RESTARTED, key_id(builders.log_key().public_key()), builders.LOG)
    trust = sign_trust(named, builders.root_key())
    lost = Told(type="log.restarted", time="2026-05-01T00:00:00.000Z", ticket=None, log=RESTARTED)
    return laid(bundle(after=[lost], origin=RESTARTED, trust=trust), trust=trust)


def _witnessed() -> Laid:
    trust = bundles.trust_bytes(witnesses=WITNESSES, witnesses_needed=2)
    return laid(bundle(witnesses=WITNESSES, trust=trust), trust=trust)


def _kept_heads() -> Laid:
    """An auditor with a head from later, the operator's proof, and the requester's receipt."""
    tree = Tree(leaves_of(later_story()))
    return laid(good(), head=signed_head(tree.head()).encode(), consistency=tree.consistency(FIRST + 1), receipt=bundles.receipt(tale()))


def _stamped_later() -> Laid:
    """The authority was out when the report was sealed; its token came an hour later, and the ledger names it."""
    late = material.stamps()["again"]
    stamped = Told(
        type="report.stamped",
        time="2026-03-02T13:00:01.000Z",
        data={"report": "rep_01test", "token": hashlib.sha256(late).hexdigest()},
    )
    return laid(material.stamped_bundle("again", seal={"token": None}, after=[stamped]), trust=material.trust())


def _revoked_since() -> Laid:
    trust = material.trust(of_keys={"report-signer": {"revoked_at": "2026-03-05T00:00:00.000Z"}}, version=3)
    return laid(material.stamped_bundle("good"), trust=trust)


def _itemised() -> Laid:
    envelope, log = itemised()
    return envelope_alone(envelope, items=log)


def _busy() -> Laid:
    """Others' events lie between the ticket's last one and the sealing; the auditor's trust file is a later version."""
    trust = bundles.trust_bytes(version=7)
    return laid(bundle(before=[*tale(), *other_story(FIRST + 40)[FIRST:]]), trust=trust, min_version=5)


def _kept_receipt() -> Laid:
    tree = Tree(leaves_of(later_story()))
    return laid(bundles.receipt(tale()), file="receipt.json", head=signed_head(tree.head()).encode(), consistency=tree.consistency(5))


_RECEIPT = ("signature", "time", "content", "approvals", "files", "sealing", "pdf", "items")
_ALONE = ("files", "heads", "events", "sealing", "pdf")
_PLAIN = ("files", "pdf", "items")
GOOD = (
    Good(name="bundle-v6", shows="a bundle without time-stamp and PDF", undecided=_PLAIN, make=lambda: laid(bundles.good_bundle())),
    Good(name="bundle-v6-small", shows="a bundle on two probes: most tampered twins are of this one", undecided=_PLAIN,
         make=lambda: laid(good())),
    Good(name="bundle-v6-folder", shows="the same bundle, unpacked", undecided=_PLAIN, make=_folder),
    Good(name="bundle-v6-whole", shows="a bundle with time-stamp and PDF, checked with the model's files", undecided=("items",),
         make=lambda: laid(material.full_bundle(), trust=material.trust(), artefact=builders.artefact_files(), min_version=2)),
    Good(name="bundle-v6-failed", shows="a failed erasure, which is a good report", undecided=_PLAIN,
         make=lambda: laid(bundle(failed_case()))),
    Good(name="bundle-v6-shards", shows="a model in shards of which one was trained again", undecided=_PLAIN,
         make=lambda: laid(bundle(proven.sharded_case()))),
    Good(name="bundle-v6-private", shows="a training on a private base, with its account", undecided=_PLAIN,
         make=lambda: laid(bundle(proven.private_case()))),
    Good(name="bundle-v6-superseded", shows="a report in whose place the ledger names a later one", undecided=_PLAIN,
         superseded_by="rep_02test", make=_superseded),
    Good(name="bundle-v6-superseding", shows="a report in an earlier one's place", undecided=_PLAIN, make=_superseding),
    Good(name="bundle-v6-revoked-since", shows="a key revoked after the time-stamp", undecided=_PLAIN, make=_revoked_since),
    Good(name="bundle-v6-stamped-later", shows="a time-stamp that came after the sealing", undecided=_PLAIN, make=_stamped_later),
    Good(name="bundle-v6-witnessed", shows="a head that two witnesses signed", undecided=_PLAIN, make=_witnessed),
    Good(name="bundle-v6-restarted", shows="a ledger that was begun anew under its second name", undecided=_PLAIN, make=_restarted),
    Good(name="bundle-v6-kept-heads", shows="an auditor's later head with its proof, and a requester's receipt", undecided=_PLAIN,
         make=_kept_heads),
    Good(name="bundle-v6-newer-trust", shows="a longer ledger, and a later version of the trust file", undecided=_PLAIN, make=_busy),
    Good(name="report-v6-items", shows="measurements that follow from the disclosed per-item log", undecided=_ALONE, make=_itemised),
    Good(name="receipt-v1", shows="a requester's receipt by itself", undecided=_RECEIPT,
         make=lambda: laid(bundles.receipt(tale()), file="receipt.json")),
    Good(name="receipt-v1-kept-head", shows="a receipt whose ticket the newest ledger still has", undecided=_RECEIPT, make=_kept_receipt),
)  # fmt: skip
