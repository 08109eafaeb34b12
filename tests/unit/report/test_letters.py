"""Letters: those the fonts have are printed, all others are told by their code point, and none can stop a report."""

from __future__ import annotations

import json
import sys
import unicodedata
from importlib import resources
from pathlib import Path

import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st

from rtbf.report.pdf.letters import printable, printable_view
from rtbf.report.pdf.render import PDF_STANDARDS

FONTS = Path(str(resources.files("rtbf.report.pdf"))) / "fonts"
PLACE = b'#set document(title: "x")\n#for face in json(bytes(sys.inputs.faces)) {\n'
PLACE += b"  text(font: face.at(0), weight: face.at(1), style: face.at(2), fallback: false, sys.inputs.words)\n}"


def _drawn(words: str) -> bytes:
    """Return a PDF/A with the words in every face of every vendored font; typst refuses a letter that a face lacks."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    faces = [[face.family, face.weight, face.style] for face in fonts.fonts()]
    inputs = {"words": words, "faces": json.dumps(faces)}
    drawn = typst.Compiler(PLACE, font_paths=fonts, sys_inputs=inputs).compile(format="pdf", pdf_standards=list(PDF_STANDARDS))
    assert isinstance(drawn, bytes)
    return drawn


def test_every_letter_that_is_let_through_is_in_every_font() -> None:
    """One compilation with all of them: it names the first letter that is missing, if there is one."""
    through = [chr(code) for code in range(sys.maxunicode + 1) if printable(chr(code)) == chr(code)]

    drawn = _drawn(" ".join(through))

    assert len(through) > 600
    assert drawn.startswith(b"%PDF-1.7")


def test_a_letter_that_no_font_has_would_stop_the_renderer() -> None:
    """What `printable` is for; without this refusal the test above would show nothing."""
    with pytest.raises(typst.TypstError, match="could not be displayed"):
        _drawn("中")


@pytest.mark.parametrize(
    "name",
    [
        "Société Générale d’Œuvres",
        "Łódź Usługi Sp. z o.o.",
        "Ελληνική Εταιρεία Πληροφορικής",
        "Общество «Пример»",
        "Україна, Ґанок",
        "Công ty Việt Nam",
        "Straße & Söhne, §§ 3–5, 100 €",
        "İstanbul Şirketi",
        "Știință și Țară",
    ],
)
def test_names_in_latin_greek_and_cyrillic_stay_as_they_are(name: str) -> None:
    decomposed = unicodedata.normalize("NFD", name)

    assert printable(name) == name
    assert printable(decomposed) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("株式会社", "[U+682A][U+5F0F][U+4F1A][U+793E]"),
        ("a\u202eb", "a[U+202E]b"),  # right-to-left override: the page would read backwards
        ("a\u200bb", "a[U+200B]b"),  # zero width space
        ("a\u00adb", "a[U+00AD]b"),  # soft hyphen
        ("a\nb\x00", "a[U+000A]b[U+0000]"),
        ("\ue000", "[U+E000]"),
        ("😀", "[U+1F600]"),
    ],
)
def test_other_letters_are_told_by_their_code_point(text: str, expected: str) -> None:
    assert printable(text) == expected


@given(st.text(max_size=50))
def test_printable_text_stays_as_it_is_when_asked_again(text: str) -> None:
    once = printable(text)

    assert printable(once) == once


def test_every_text_of_a_view_is_made_printable_and_no_name_of_a_field() -> None:
    view = printable_view({"rows": [["中", {"deep": "\u202e"}], None, True], "ключ": "ключ"})

    assert view == {"rows": [["[U+4E2D]", {"deep": "[U+202E]"}], None, True], "ключ": "ключ"}
