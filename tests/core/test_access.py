"""May a bank look? Every combination of consent, purpose, day and freeze, against the rules as sentences."""

import itertools

import pytest

from app.core.reporting import event_types as et
from app.core.scoring import access
from app.core.scoring.fold import fold
from app.core.scoring.folded import File
from tests.core.fold_samples import PAPER, freeze, make, thaw

BANK, OTHER = "bank.example", "other.example"
GIVEN, NOW, UNTIL = "2026-10-01", "2026-11-22", "2026-12-01"
CONSENT = "0192f3b6-7d2a-7000-8000-000000000001"


def given(number=1, grantee=BANK, purposes=("credit_application",), day=GIVEN, until=UNTIL):
    terms = {"grantee": grantee, "purposes": purposes, "until": until}
    return make(et.ConsentGiven, day, furnisher="enrol.example", number=number, **terms, **PAPER)


def withdrawn(day, number=1):
    consent = f"0192f3b6-7d2a-7000-8000-{number:012x}"
    return make(et.ConsentWithdrawn, day, furnisher="enrol.example", number=99, consent=consent, **PAPER)


def file_of(*events):
    return fold(File(), list(enumerate(events, 10)))


def why(file, *, purpose="credit_application", bank=BANK, consent=None, day=NOW):
    asked = make(
        et.Inquiry, day, furnisher=bank, number=7, purpose=purpose, time=f"{day}T04:00:00Z", consent=consent
    )
    return access.reason_to_refuse(file, asked, day)


def test_an_empty_file_gives_no_consent():
    assert why(File()) == "no_consent"


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2026-09-30", "consent_expired"),  # not yet
        (GIVEN, None),
        ("2026-11-30", None),
        (UNTIL, "consent_expired"),  # the first day on which it no longer holds
        ("2030-01-01", "consent_expired"),
    ],
)
def test_a_consent_holds_from_its_day_until_the_day_before_its_end(day, reason):
    assert why(file_of(given()), day=day) == reason


@pytest.mark.parametrize(
    ("day", "reason"), [("2026-11-21", None), (NOW, "consent_withdrawn"), ("2026-11-23", "consent_withdrawn")]
)
def test_r17_a_withdrawal_ends_it_on_its_own_day(day, reason):
    assert why(file_of(given(), withdrawn(NOW)), day=day) == reason


def test_a_withdrawal_that_came_before_the_consent_still_ends_it():
    assert why(file_of(withdrawn(NOW), given())) == "consent_withdrawn"


def test_a_withdrawal_of_another_consent_ends_nothing():
    assert why(file_of(given(1), withdrawn(NOW, number=2))) is None


def test_a_consent_for_another_bank_is_none():
    assert why(file_of(given(grantee=OTHER))) == "no_consent"
    assert why(file_of(given(grantee=OTHER)), bank=OTHER) is None


@pytest.mark.parametrize("purpose", ["account_review", "collection", "credit_application"])
def test_r15_only_the_purposes_of_the_consent(purpose):
    for size in (1, 2):
        for purposes in itertools.combinations(sorted(access.PURPOSES_OF_BANKS), size):
            expected = None if purpose in purposes else "wrong_purpose"
            assert why(file_of(given(purposes=purposes)), purpose=purpose) == expected


@pytest.mark.parametrize("purpose", ["self", "regulator"])
def test_no_consent_opens_the_doors_of_others(purpose):
    everything = ("account_review", "collection", "credit_application", "regulator", "self")
    assert why(file_of(given(purposes=everything)), purpose=purpose) == "wrong_purpose"
    assert why(File(), purpose=purpose) == "wrong_purpose", "the same with and without a file"


def test_a_named_consent_is_the_only_one_that_counts():
    file = file_of(given(1, day=GIVEN, until="2026-10-15"), given(2))
    assert why(file) is None
    assert why(file, consent=CONSENT) == "consent_expired"
    assert why(file, consent=CONSENT[:-1] + "2") is None
    assert why(file, consent=CONSENT[:-1] + "3") == "no_consent"


def test_of_several_consents_the_nearest_miss_is_named():
    late, gone, wrong = (
        given(1, day=GIVEN, until="2026-10-15"),
        given(2),
        given(3, purposes=("account_review",)),
    )
    assert why(file_of(given(4, grantee=OTHER), gone, withdrawn(NOW, 2))) == "consent_withdrawn"
    assert why(file_of(late, gone, withdrawn(NOW, 2))) == "consent_expired"
    assert why(file_of(late, gone, withdrawn(NOW, 2), wrong)) == "wrong_purpose"
    assert why(file_of(late, gone, wrong)) is None


def test_r18_a_freeze_stops_new_credit_and_nothing_else():
    purposes = ("account_review", "collection", "credit_application")
    file = file_of(given(purposes=purposes), freeze(NOW))
    assert [why(file, purpose=purpose) for purpose in purposes] == [None, None, "frozen"]
    assert why(file, day="2026-11-21") is None, "the day before"


def test_a_freeze_is_told_only_to_who_has_consent():
    assert why(file_of(freeze(GIVEN))) == "no_consent"
    assert why(file_of(freeze(GIVEN), given(purposes=("collection",)))) == "wrong_purpose"


def test_a_thaw_may_name_a_bank_and_an_end():
    frozen = (given(), given(2, grantee=OTHER), freeze("2026-11-01"))
    assert why(file_of(*frozen, thaw("2026-11-10"))) is None
    for_one = file_of(*frozen, thaw("2026-11-10", grantee=BANK, until="2026-11-25"))
    assert [why(for_one, day=day) for day in ("2026-11-09", "2026-11-10", "2026-11-24", "2026-11-25")] == [
        "frozen",
        None,
        None,
        "frozen",
    ]
    assert why(for_one, bank=OTHER) == "frozen"
    assert why(file_of(*frozen, thaw("2026-11-10"), freeze("2026-11-10"))) == "frozen", (
        "the later one decides"
    )


def test_every_reason_has_its_sentence():
    from typing import get_args

    assert set(access.REASONS) == set(get_args(access.Reason))
    assert set(access._CLOSENESS) == set(access.REASONS)
