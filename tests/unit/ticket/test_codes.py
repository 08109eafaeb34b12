"""Reason codes: the lists are those of the law, short names lead to full ones, and unknown ones are refused with near ones."""

from __future__ import annotations

from itertools import product

import pytest

from rtbf.errors import BadInput, UnknownName
from rtbf.ticket.codes import all_codes, codes_of, require_code, require_extension_code
from rtbf.ticket.regime import CODE_KINDS, CodeKind, load_regime, regime_names

A17 = "eu-gdpr:JustificationA17"
EVERY = list(product(regime_names(), CODE_KINDS))


@pytest.mark.parametrize("regime", ["eu-gdpr", "uk-gdpr"])
def test_the_six_grounds_and_seven_exemptions_of_article_17(regime: str) -> None:
    grounds = [(code.code, code.article) for code in codes_of(regime, "ground")]
    exemptions = [(code.code, code.article) for code in codes_of(regime, "exemption")]

    assert grounds == [
        (f"{A17}NonNecessity", "Art. 17(1)(a)"),
        (f"{A17}NoLegalBasis", "Art. 17(1)(b)"),
        (f"{A17}ObjectA21", "Art. 17(1)(c)"),
        (f"{A17}UnlawfulProcessing", "Art. 17(1)(d)"),
        (f"{A17}LegalErasure", "Art. 17(1)(e)"),
        (f"{A17}ChildData", "Art. 17(1)(f)"),
    ]
    assert exemptions == [
        (f"{A17}FreedomOfExpression", "Art. 17(3)(a)"),
        (f"{A17}LegallyRequired", "Art. 17(3)(b)"),
        (f"{A17}PublicInterest", "Art. 17(3)(b)"),
        (f"{A17}OfficialAuthority", "Art. 17(3)(b)"),
        (f"{A17}PublicHealth", "Art. 17(3)(c)"),
        (f"{A17}Archiving", "Art. 17(3)(d)"),
        (f"{A17}LegalClaims", "Art. 17(3)(e)"),
    ]


def test_the_eight_exceptions_of_california_stand_under_their_numbers() -> None:
    articles = [code.article for code in codes_of("us-ca-ccpa", "exemption")]

    assert articles == [f"Civ. Code § 1798.105(d)({number})" for number in range(1, 9)]
    assert all(code.code.startswith("us-ca:") for code in codes_of("us-ca-ccpa", "exemption"))


def test_a_voluntary_promise_may_name_its_own_ground_and_has_no_delay() -> None:
    assert codes_of("voluntary", "ground")[0].code == "rtbf:OwnPromise"
    assert codes_of("voluntary", "delay") == ()


def test_a_term_of_the_vocabulary_has_its_address() -> None:
    objection = require_code("eu-gdpr", "ground", "ObjectA21")

    assert objection.iri == "https://w3id.org/dpv/legal/eu/gdpr#JustificationA17ObjectA21"
    assert require_code("us-ca-ccpa", "exemption", "Security").iri is None


@pytest.mark.parametrize(("regime", "kind"), EVERY)
def test_the_short_and_the_full_name_lead_to_the_same_code(regime: str, kind: CodeKind) -> None:
    for code in codes_of(regime, kind):
        assert require_code(regime, kind, code.short) == require_code(regime, kind, code.code) == code


@pytest.mark.parametrize(("regime", "kind"), EVERY)
def test_no_two_codes_of_a_regime_share_a_name(regime: str, kind: CodeKind) -> None:
    codes = codes_of(regime, kind)

    assert len({code.short for code in codes}) == len({code.code for code in codes}) == len(codes)
    assert all(code.kind == kind and code.meaning and code.article for code in codes)


def test_every_vocabulary_is_used_by_some_regime_and_every_used_one_exists() -> None:
    used = {name for regime in regime_names() for names in load_regime(regime).vocabularies.values() for name in names}

    assert used == set(all_codes())


@pytest.mark.parametrize(
    ("regime", "kind", "code", "expected"),
    [
        ("eu-gdpr", "ground", "NonNecesity", "nearest: NonNecessity"),
        ("eu-gdpr", "ground", "nonnecessity", "nearest: NonNecessity"),
        ("eu-gdpr", "exemption", f"{A17}LegalClaim", "nearest: LegalClaims"),
        ("eu-gdpr", "ground", "LegalClaims", "ground code of eu-gdpr"),  # a reason to keep is no ground to erase
        ("us-ca-ccpa", "exemption", "FreedomOfExpression", "exemption code of us-ca-ccpa"),
        ("us-ca-ccpa", "ground", "zzz", "RequestToDelete"),
        ("eu-gdpr", "refusal", "", "IdentityVerificationFailure"),
        ("voluntary", "delay", "ComplexityOfProcess", "there is no delay code of voluntary"),
    ],
)
def test_a_code_the_regime_does_not_know_is_refused_with_lawful_ones(regime: str, kind: CodeKind, code: str, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        require_code(regime, kind, code)


def test_a_sentence_in_place_of_a_code_is_not_repeated() -> None:
    with pytest.raises(BadInput) as refused:
        require_code("eu-gdpr", "ground", "Jo Quillfeather asked us to")

    assert "Quillfeather" not in str(refused.value)
    assert "27 characters" in str(refused.value)


def test_an_unknown_regime_has_no_codes() -> None:
    with pytest.raises(UnknownName, match="eu-gdpr"):
        codes_of("eu-gdpr2", "ground")


@pytest.mark.parametrize(
    ("regime", "code", "is_lawful"),
    [
        ("eu-gdpr", "ComplexityOfProcess", True),
        ("eu-gdpr", "justifications:HighVolumeOfProcesses", True),
        ("eu-gdpr", "IdentityVerificationRequired", False),  # suspends, does not extend: Art. 12(3) knows two reasons
        ("uk-gdpr", "InformationRequired", False),
        ("us-ca-ccpa", "IdentityVerificationRequired", True),  # there the clock runs on while identity is proven
        ("voluntary", "ComplexityOfProcess", False),
    ],
)
def test_only_the_reasons_of_the_law_extend_a_deadline(regime: str, code: str, is_lawful: bool) -> None:  # noqa: FBT001
    if is_lawful:
        assert require_extension_code(regime, code).code in load_regime(regime).extension_codes
    else:
        with pytest.raises(BadInput, match="to extend under"):
            require_extension_code(regime, code)


@pytest.mark.parametrize("regime", regime_names())
def test_every_code_to_extend_is_a_delay_code_of_its_regime(regime: str) -> None:
    assert set(load_regime(regime).extension_codes) <= {code.code for code in codes_of(regime, "delay")}
