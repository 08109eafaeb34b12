"""The words of a letter are found in the person's language or refused, and the digest covers what was really used."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import BadInput, TemplateBroken
from rtbf.notice.render import render
from rtbf.notice.wording import BUILT_IN, find_wording, known_locales
from tests.letters import FULL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An organisation's own folder of letters, with an empty folder for English."""
    (tmp_path / "en").mkdir()
    return tmp_path


def digest(kind: str, overrides: Path | None) -> str:
    return find_wording(kind, "en", overrides=overrides, default_locale=None).digest


@pytest.mark.parametrize(
    ("asked", "default", "found"),
    [
        ("de", None, "de"),
        ("de-AT", None, "de"),
        ("DE-at", None, "de"),
        ("de-Latn-CH", None, "de"),
        ("en-GB", "de", "en"),
        ("fr-CA", "de-DE", "de"),
        ("fr", "en", "en"),
    ],
)
def test_a_locale_is_looked_up_from_the_narrow_to_the_wide(asked: str, default: str | None, found: str) -> None:
    assert find_wording("refusal", asked, overrides=None, default_locale=default).locale == found


@pytest.mark.parametrize("asked", ["fr", "fr-FR", "", "english", "../en", "en/../de", "Ines Canary", "de_AT"])
def test_an_unknown_language_is_refused_with_the_list_and_never_becomes_english(asked: str) -> None:
    with pytest.raises(BadInput) as refused:
        find_wording("refusal", asked, overrides=None, default_locale=None)

    assert refused.value.expected == "one of de, en, or a locale of one of these languages"
    assert "Canary" not in str(refused.value)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="an unknown kind of letter"):
        find_wording("../refusal", "en", overrides=None, default_locale=None)


def test_an_own_letter_goes_before_the_built_in_one_file_by_file(own: Path) -> None:
    (own / "en" / "_closing.txt").write_text("The team of {{ controller_name }}\n")

    made = render("acknowledgement", "en", FULL, overrides=own)

    assert made.body.reveal().endswith("\nThe team of Example Language Lab\n")
    assert made.body.reveal().startswith("Hello,\n")


def test_the_digest_covers_the_letter_its_parts_and_the_table(own: Path) -> None:
    before = {kind: digest(kind, None) for kind in ("acknowledgement", "refusal")}

    changed = {}
    for name in ("refusal.txt", "_rights.txt", "locale.yaml"):
        (own / "en" / name).write_bytes((BUILT_IN / "en" / name).read_bytes() + b"\n")
        changed[name] = {kind: digest(kind, own) != before[kind] for kind in before}
        (own / "en" / name).unlink()

    assert digest("refusal", own) == before["refusal"]
    assert changed == {
        "refusal.txt": {"acknowledgement": False, "refusal": True},
        "_rights.txt": {"acknowledgement": False, "refusal": True},
        "locale.yaml": {"acknowledgement": True, "refusal": True},
    }


def test_a_new_locale_is_one_folder(own: Path) -> None:
    shutil.copytree(BUILT_IN / "de", own / "nds")

    made = render("acknowledgement", "nds-DE", FULL, overrides=own)

    assert (made.locale, known_locales(own)) == ("nds", ("de", "en", "nds"))


def test_a_locale_that_lacks_a_letter_is_not_filled_from_another(own: Path) -> None:
    (own / "fr").mkdir()

    with pytest.raises(TemplateBroken, match=r"add fr/refusal\.txt"):
        render("refusal", "fr", FULL, overrides=own, default_locale="en")


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("Hello\n", "does not begin with a line 'Subject: …'"),
        ("Subject:  \n\nHello\n", "does not begin with a line 'Subject: …'"),
        ("Subject: x\n\n", "has a subject and nothing else"),
        ("Subject: x\n\n{% if %}\n", "cannot be read as a template at line 3"),
        ("Subject: x\n\n{{ 'a' / 2 }}\n", r"in a way it cannot be used \(TypeError\)"),
        ('Subject: x\n\n{% include "../de/_rights.txt" %}\n', "under a name that is not allowed"),
        ("Subject: x\n\n{% include ticket_id %}\n", "under a name that is not allowed"),
        ('Subject: x\n\n{% include "_none.txt" %}\n', r"no file _none\.txt"),
    ],
)
def test_a_broken_template_is_named(own: Path, text: str, trouble: str) -> None:
    (own / "en" / "acknowledgement.txt").write_text(text)

    with pytest.raises(TemplateBroken, match=trouble):
        render("acknowledgement", "en", FULL, overrides=own)


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"months: [", "not YAML"),
        (b"language: English\n", "months: Field required"),
        (b"\xff\xfe\x00", "not YAML"),
        (b'language: E\ndate: "{day} {month}"\nmonths: [a]\nlabels: {}\n', "date: String should match pattern"),
    ],
)
def test_a_broken_table_is_named(own: Path, content: bytes, trouble: str) -> None:
    (own / "en" / "locale.yaml").write_bytes(content)

    with pytest.raises(TemplateBroken, match=trouble):
        render("acknowledgement", "en", FULL, overrides=own)


def test_a_letter_that_is_not_utf8_is_named(own: Path) -> None:
    (own / "en" / "acknowledgement.txt").write_bytes(b"Subject: x\n\n\xe4\n")

    with pytest.raises(TemplateBroken, match=r"acknowledgement\.txt is not UTF-8"):
        render("acknowledgement", "en", FULL, overrides=own)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder of letter templates"):
        render("acknowledgement", "en", FULL, overrides=tmp_path / "nowhere")
