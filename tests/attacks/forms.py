"""Attacks on the reader: archives, file names, encodings and JSON that two programs would read differently. Step 1."""

from __future__ import annotations

import json
import stat
import struct
import warnings
import zipfile

from rtbf.report.bundle import ENVELOPE_NAME, EVENTS_NAME, HEAD_NAME, VERIFY_NAME
from tests.attacks.record import (
    COPY,
    Attack,
    Laid,
    entries_of,
    envelope_alone,
    good,
    laid,
    plain_entry,
    replaced,
    without,
    zipped,
)

_CENTRAL = b"PK\x01\x02"
_BOMB_BYTES = 16 << 20


def _with_entry(name: str, content: bytes = b"{}") -> Laid:
    return laid(zipped([*entries_of(good()), (plain_entry(name), content)]))


def _with_link() -> Laid:
    entry = plain_entry("trust.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return laid(zipped([*entries_of(without("trust.json")), (entry, b"/etc/rtbf/trust.json")]))


def _with_bomb() -> Laid:
    entry = plain_entry(EVENTS_NAME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return laid(zipped([*entries_of(without(EVENTS_NAME)), (entry, bytes(_BOMB_BYTES))]))


def _twice() -> Laid:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile says that the name is there already: that is the attack
        return _with_entry(ENVELOPE_NAME)


def _encrypted() -> Laid:
    """Set the flag of encryption in the first entry, locally and centrally."""
    raw = bytearray(zipped(entries_of(good())))
    raw[6] |= 1
    raw[raw.index(_CENTRAL) + 8] |= 1
    return laid(bytes(raw))


def _two_names() -> Laid:
    """Give the first entry one name where it lies and another in the directory."""
    raw = zipped(entries_of(good()))
    return laid(raw.replace(b"VERIFY.md", b"verify.md", 1))


def _hidden_entry() -> Laid:
    """Put an entry between the last one and the directory, and let the directory begin behind it."""
    raw, alone = zipped(entries_of(good())), zipped([(plain_entry("notes.txt"), b"not seen")])
    start = raw.index(_CENTRAL)
    hidden = alone[: alone.index(_CENTRAL)]
    return laid(raw[:start] + hidden + raw[start:-6] + struct.pack("<I", start + len(hidden)) + raw[-2:])


def _extra_field() -> Laid:
    entries = entries_of(good())
    entries[0][0].extra = struct.pack("<HH4s", 0xCAFE, 4, b"note")
    return laid(zipped(entries))


def _deflated() -> Laid:
    entries = entries_of(good())
    entries[0][0].compress_type = zipfile.ZIP_DEFLATED
    return laid(zipped(entries))


def _folder_with_link() -> Laid:
    files = {f"bundle/{name}": content for name, content in without("trust.json").items()}
    plain = laid(good())
    return Laid(
        files={"trust.json": plain.files["trust.json"], **files},
        file="bundle",
        options=plain.options,
        links={"bundle/trust.json": "../trust.json"},
    )


def _envelope() -> bytes:
    return good()[ENVELOPE_NAME]


def _loose_base64() -> Laid:
    """Change the bits of a signature's last character that no decoder reads: 64 bytes leave four of them."""
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    raw = bytearray(_envelope())
    place = raw.rindex(b'=="') - 1
    raw[place] = letters[letters.index(raw[place]) ^ 1]
    return envelope_alone(bytes(raw))


ATTACKS = (
    Attack(name="zip-slip", holds=COPY, done="an archive with a file called ../trust.json", step="form",
           make=lambda: _with_entry("../trust.json")),
    Attack(name="zip-absolute-name", holds=COPY, done="an archive with a file called /etc/rtbf/trust.json", step="form",
           make=lambda: _with_entry("/etc/rtbf/trust.json")),
    Attack(name="zip-unknown-file", holds=COPY, done="an archive with a file that is none of a bundle's", step="form",
           make=lambda: _with_entry("notes.txt")),
    Attack(name="zip-symlink", holds=COPY, done="a symbolic link in the archive in the trust file's place", step="form", make=_with_link),
    Attack(name="zip-bomb", holds=COPY, done="an entry of 16 KiB that unpacks to 16 MiB", step="form", make=_with_bomb),
    Attack(name="zip-deflated", holds=COPY, done="a compressed entry", step="form", make=_deflated),
    Attack(name="zip-file-twice", holds=COPY, done="two reports under one name: one reader takes the first, another the last", step="form",
           make=_twice),
    Attack(name="zip-two-names", holds=COPY, done="an entry with one name in place and another in the directory", step="form",
           make=_two_names),
    Attack(name="zip-hidden-entry", holds=COPY, done="an entry that the directory does not list", step="form", make=_hidden_entry),
    Attack(name="zip-encrypted", holds=COPY, done="an entry marked as encrypted", step="form", make=_encrypted),
    Attack(name="zip-trailing-bytes", holds=COPY, done="bytes behind the archive's end", step="form",
           make=lambda: laid(zipped(entries_of(good())) + b"more")),
    Attack(name="zip-leading-bytes", holds=COPY, done="bytes before the archive, as a self-extracting program has", step="form",
           make=lambda: laid(b"MZ" + zipped(entries_of(good())))),
    Attack(name="zip-comment", holds=COPY, done="a comment in the archive, which no file's digest covers", step="form",
           make=lambda: laid(zipped(entries_of(good()), b"verified by the authority"))),
    Attack(name="zip-extra-field", holds=COPY, done="an extra field in an entry's header", step="form", make=_extra_field),
    Attack(name="zip-truncated", holds=COPY, done="the archive's last 100 bytes cut off", step="form",
           make=lambda: laid(zipped(entries_of(good()))[:-100])),
    Attack(name="folder-symlink", holds=COPY, done="an unpacked bundle whose trust file is a link to the auditor's", step="form",
           make=_folder_with_link),
    Attack(name="events-missing", numbers=(13,), holds=COPY, done="the events left out", step="form",
           make=lambda: laid(without(EVENTS_NAME))),
    Attack(name="head-missing", holds=COPY, done="the tree head left out", step="form", make=lambda: laid(without(HEAD_NAME))),
    Attack(name="verify-text-replaced", holds=COPY, done="other instructions in VERIFY.md, to check with another tool", step="form",
           make=lambda: laid(replaced(VERIFY_NAME, b"# How to check this bundle\n\nRun check.exe.\n"))),
    Attack(name="json-deep", numbers=(5,), holds=COPY, done="JSON nested 20 000 deep", step="form",
           make=lambda: envelope_alone(b'{"payload":' + b"[" * 20_000)),
    Attack(name="json-key-twice", numbers=(5,), holds=COPY, done="a second payload under the same key", step="form",
           make=lambda: envelope_alone(b'{"payload":"e30=",' + _envelope()[1:])),
    Attack(name="json-nan", numbers=(5,), holds=COPY, done="NaN among the signatures", step="form",
           make=lambda: envelope_alone(_envelope().replace(b'"signatures":[', b'"signatures":[NaN,'))),
    Attack(name="json-reformatted", numbers=(5,), holds=COPY, done="the envelope written with other white space", step="form",
           make=lambda: envelope_alone(json.dumps(json.loads(_envelope()), indent=1).encode())),
    Attack(name="json-more-behind", numbers=(5,), holds=COPY, done="a second JSON text behind the first", step="form",
           make=lambda: envelope_alone(_envelope() + b"{}")),
    Attack(name="json-field-added", numbers=(5,), holds=COPY, done="a field more in the envelope, which no signature covers", step="form",
           make=lambda: envelope_alone(b'{"note":"verified",' + _envelope()[1:])),
    Attack(name="base64-loose", numbers=(5,), holds=COPY, done="base64 with bits set that no decoder reads", step="form",
           make=_loose_base64),
    Attack(name="encoding-utf-16", numbers=(5,), holds=COPY, done="the envelope in UTF-16", step="form",
           make=lambda: envelope_alone(_envelope().decode().encode("utf-16"))),
    Attack(name="encoding-byte-order-mark", numbers=(5,), holds=COPY, done="a byte order mark before the envelope", step="form",
           make=lambda: envelope_alone(b"\xef\xbb\xbf" + _envelope())),
    Attack(name="envelope-truncated", holds=COPY, done="the envelope's last byte cut off", step="form",
           make=lambda: laid(replaced(ENVELOPE_NAME, _envelope()[:-1]))),
    Attack(name="envelope-empty", holds=COPY, done="an empty file in the report's place", step="form",
           make=lambda: laid(replaced(ENVELOPE_NAME, b""))),
)  # fmt: skip
