"""Who takes part in a private training and with what: by key, each subject for itself."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from itertools import pairwise

import pytest
from scipy import stats

from rtbf.corpora.corpus import Record
from rtbf.errors import BadInput
from rtbf.lm.recipes.dp.subjects import noise_key, sampler_commitment, sampler_key, takes_part, units_of
from rtbf.lm.recipes.subjects import subjects_of
from rtbf.vault.secret import SecretBytes

KEY = bytes(range(32))
SECRET = SecretBytes(b"\x07" * 32)


def _record(number: int, *subjects: str, path: str = "subject") -> Record:
    named = tuple((path if len(subjects) == 1 else f"{path}.{place}", name) for place, name in enumerate(subjects))
    return Record(record_id=f"abcdefabcdef:{number}", prompt="", completion=f"text {number}", fields=(("text", "Ada Stellwald"), *named))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((("subject", "Ada Stellwald"),), ("ada stellwald",)),
        ((("subject.0", "Ada"), ("subject.1", "Ben")), ("ada", "ben")),
        ((("subject#key", "Ada"), ("subject.Ada.id", "7")), ("ada", "7")),
        ((("meta.subject", "Ada"),), ("record:abcdefabcdef:1",)),
        ((("subjects", "Ada"), ("subject2", "Ben")), ("record:abcdefabcdef:1",)),
        ((("subject", " \t"),), ("record:abcdefabcdef:1",)),
        ((("subject", "Ada"), ("subject.0", " ADA  ")), ("ada",)),
    ],
)
def test_a_records_subjects_are_the_texts_at_the_field_and_below_it(fields: tuple[tuple[str, str], ...], expected: tuple[str, ...]) -> None:
    record = Record(record_id="abcdefabcdef:1", prompt="", completion="x", fields=fields)

    assert subjects_of(record, "subject") == expected


def test_two_spellings_of_one_name_are_one_subject() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zoë  Größ") for form in ("NFC", "NFD"))

    assert composed != decomposed
    assert subjects_of(_record(1, composed), "subject") == subjects_of(_record(2, decomposed.upper()), "subject")


def test_a_record_of_several_subjects_is_left_out_and_counted() -> None:
    records = [_record(1, "Ada"), _record(2, "Ada", "Ben"), _record(3, "Ben"), _record(4)]

    found = units_of(records, "subject", 5, KEY)

    assert found.records == {"ada": (records[0],), "ben": (records[2],), "record:abcdefabcdef:4": (records[3],)}
    assert (found.several, found.over_cap, found.own_unit) == (1, 0, 1)


def test_a_subject_with_ten_thousand_records_brings_k_max_of_them() -> None:
    records = [_record(number, "Ada") for number in range(10_000)]

    kept = units_of(records, "subject", 20, KEY)
    other = units_of(records, "subject", 20, bytes(32))

    assert len(kept.records["ada"]) == 20
    assert kept.over_cap == 9_980
    numbers = [int(record.record_id.split(":")[1]) for record in kept.records["ada"]]
    assert all(one < later for one, later in pairwise(numbers))
    assert kept.records != other.records


def test_removing_a_subject_changes_nobody_elses_records_or_steps() -> None:
    records = [_record(number, f"Person {number % 9}") for number in range(90)]
    records.append(_record(90, "Person 3", "Person 4"))
    before = units_of(records, "subject", 4, KEY)

    after = units_of([record for record in records if "person 3" not in subjects_of(record, "subject")], "subject", 4, KEY)

    assert set(before.records) - set(after.records) == {"person 3"}
    assert all(before.records[subject] == own for subject, own in after.records.items())


def test_whether_a_subject_takes_part_is_the_written_function_of_key_subject_and_step() -> None:
    """A plain second writing of it: nothing else can have a say, so nobody else's presence has."""

    def part(text: bytes) -> bytes:
        return len(text).to_bytes(8, "big") + text

    def drawn(step: int) -> bool:
        told = part(b"rtbf.dp/1") + part(b"take") + part(step.to_bytes(8, "big")) + part("zoë".encode())
        return int.from_bytes(hmac.new(KEY, told, hashlib.sha256).digest()[:8], "big") / 2**64 < 0.3

    found = [takes_part(KEY, "zoë", step, 0.3) for step in range(1, 201)]

    assert found == [drawn(step) for step in range(1, 201)]
    assert 0 < sum(found) < 200


@pytest.mark.parametrize("rate", [0.064, 0.5])
def test_draws_are_as_frequent_as_the_rate_and_independent_between_subjects_and_steps(rate: float) -> None:
    table = [[takes_part(KEY, f"s{subject}", step, rate) for step in range(400)] for subject in range(50)]
    counts = [sum(row) for row in table]

    assert stats.binomtest(sum(counts), 20_000, rate).pvalue > 0.01
    # Counts of independent rows are spread as binomials are: χ² of 50 rows.
    spread = sum((count - 400 * rate) ** 2 for count in counts) / (400 * rate * (1 - rate))
    assert 0.01 < stats.chi2.sf(spread, 50) < 0.99
    together = sum(one and other for one, other in zip(table[0], table[1], strict=True))
    assert stats.binomtest(together, 400, rate**2).pvalue > 0.01


def test_everybody_takes_part_at_rate_one() -> None:
    assert all(takes_part(KEY, "ada", step, 1.0) for step in range(500))


def test_keys_of_sampler_and_steps_differ_and_follow_the_secret() -> None:
    keys = [sampler_key(SECRET), *(noise_key(SECRET, step) for step in range(50))]
    others = [sampler_key(SecretBytes(b"\x08" * 32)), noise_key(SecretBytes(b"\x08" * 32), 1)]

    assert len({*keys, *others}) == 53
    assert all(len(key) == 32 for key in keys)
    assert sampler_commitment(SECRET) == sampler_commitment(SecretBytes(b"\x07" * 32))
    assert sampler_commitment(SECRET) != sampler_commitment(SecretBytes(b"\x08" * 32))


@pytest.mark.parametrize("size", [0, 31])
def test_a_secret_that_could_be_guessed_is_refused(size: int) -> None:
    with pytest.raises(BadInput, match="token_bytes"):
        sampler_key(SecretBytes(b"\x07" * size))
