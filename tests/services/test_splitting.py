"""A mixed file becomes two that are right: what the furnishers sign makes both as if they had been right from the start (R27)."""

from __future__ import annotations

import pytest

from app.core.errors import ConflictError, CredenceError, NotFoundError, RuleError
from app.services.ledger import history
from app.services.organisations import cases, furnishing, seats, splitting
from tests.services.builders import LENDER, UTILITY
from tests.services.replay import check
from tests.services.test_furnishing import event_line
from tests.services.test_rules_r27 import account_of

MIXED, OTHER, RIGHT_MIXED, RIGHT_OTHER = "uci:1", "uci:2", "uci:3", "uci:4"


def own(desk, citizen):
    """A card that is paid on time."""
    return desk.card_history(citizen, months=10)


def others(desk, citizen, told_ago):
    """A loan with a late month, of which its owner was told so many days ago, and two payments that are alike."""
    late = {"notified_on": desk.clock.day(told_ago), "notified_by": "letter"}
    lines = [desk.opened(citizen, ago=200, account="loan-9", opened_on=desk.clock.day(900))]
    lines += [desk.statement(citizen, ago=ago, account="loan-9") for ago in (150, 120, 90)]
    lines += [desk.payment(citizen, ago=120, account="loan-9") for _ in range(2)]
    return [
        *lines,
        desk.status(citizen, ago=60, account="loan-9", late=True, **late),
        desk.status(citizen, ago=30, account="loan-9"),
    ]


def power(desk, citizen):
    return [desk.utility(citizen, ago=ago, account="meter-2") for ago in (95, 65, 35)]


@pytest.fixture
def clerk(bureau):
    return seats.add(bureau, "bureau", "clerk", "A. Chen")


@pytest.fixture
def mixed(ledger, bureau, clerk):
    """A ledger with a mixed file and two right ones; the case of the mixed one, taken and open."""
    lender, utility = ledger.lender, ledger.utility
    ledger.admit(
        lender.batch([*own(lender, MIXED), *others(lender, MIXED, 50)]),
        utility.batch(power(utility, MIXED)),
        lender.batch([*own(lender, RIGHT_MIXED), *others(lender, RIGHT_OTHER, 50)]),
        utility.batch(power(utility, RIGHT_OTHER)),
    )
    ledger.step()
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [MIXED])[MIXED]
        events = history.whole_history(connection, person)
    case = cases.ask(bureau, person.id, "mixed", "The loan is not mine.")
    cases.take(bureau, clerk, case)
    cases.look(bureau, clerk, case)
    ledger.step()
    wrong = [index for index, each in events if getattr(each, "account", "") in ("loan-9", "meter-2")]
    return case, wrong


def sign(ledger, desk, number, told):
    """What a furnisher does with its order."""
    part = splitting.order(ledger.bureau, desk.signer.name, number)
    made = furnishing.prepared(ledger.bureau, desk.signer.name, splitting.to_do(part, told))
    return furnishing.admit(ledger.bureau, desk.batch([event_line(each, desk) for each in made.events]))


def test_r27_both_files_become_what_they_had_been_if_right_from_the_start(ledger, bureau, clerk, mixed):
    case, wrong = mixed
    number = splitting.open_split(bureau, clerk, case, wrong, OTHER)
    assert account_of(ledger, MIXED) != account_of(ledger, RIGHT_MIXED)
    (split,) = splitting.of_case(bureau, clerk, case)
    assert (len(split.steps), split.done) == (11, False)
    told = {"notified_on": ledger.clock.day(50), "notified_by": "letter"}
    sign(ledger, ledger.lender, number, told)
    (split,) = splitting.of_case(bureau, clerk, case)
    assert [step.done for step in split.steps] == [True] * 8 + [False] * 3, "the utility has not signed yet"
    sign(ledger, ledger.utility, number, told)
    assert splitting.of_case(bureau, clerk, case)[0].done
    for months in range(8):  # the two lenders' reports age, and the repaired files with them
        if months:
            ledger.clock.move(days=41)
        ledger.admit(
            *(
                ledger.utility.batch([ledger.utility.utility(who, account="new")])
                for who in (MIXED, OTHER, RIGHT_MIXED, RIGHT_OTHER)
            )
        )
        ledger.step()
        assert account_of(ledger, MIXED) == account_of(ledger, RIGHT_MIXED)
        assert account_of(ledger, OTHER) == account_of(ledger, RIGHT_OTHER)
    check(ledger.url, ledger.home)


def test_r27_and_on_every_past_day(ledger, bureau, clerk, mixed):
    """score(t) for days gone by: of what the files say now, with what had taken effect by then."""
    from app.core.scoring import fold
    from app.core.scoring.profiles import PROFILES
    from app.core.scoring.score import score_file
    from app.core.scoring.scorecard import expert_card
    from app.services.ledger.history import whole_history

    case, wrong = mixed
    number = splitting.open_split(bureau, clerk, case, wrong, OTHER)
    told = {"notified_on": ledger.clock.day(50), "notified_by": "letter"}
    for desk in (ledger.lender, ledger.utility):
        sign(ledger, desk, number, told)
    ledger.step()

    def score(citizen, day):
        with bureau.transaction() as connection:
            person = bureau.people.find(connection, [citizen])[citizen]
            events = [(i, e) for i, e in whole_history(connection, person) if e.day <= day]
        return score_file(fold.fold_history(events), day, expert_card(), PROFILES["cn"])

    seen = set()
    for ago in range(0, 330, 15):
        day = ledger.clock.day(ago)
        for mended, right in ((MIXED, RIGHT_MIXED), (OTHER, RIGHT_OTHER)):
            assert score(mended, day) == score(right, day), (mended, day)
            seen.add(str(score(right, day)))
    assert len(seen) > 3, "the scores move over these days"


def test_r5_what_speaks_against_somebody_is_reported_anew_with_the_day_on_which_they_were_told(
    ledger, bureau, clerk, mixed
):
    case, wrong = mixed
    number = splitting.open_split(bureau, clerk, case, wrong, OTHER)
    part = splitting.order(bureau, LENDER, number)
    assert part.needs_telling
    with pytest.raises(RuleError):
        furnishing.prepared(
            bureau, LENDER, splitting.to_do(part, {"notified_on": "", "notified_by": "letter"})
        )
    told = {"notified_on": ledger.clock.day(3), "notified_by": "letter"}
    anew = [
        each for each in splitting.to_do(part, told) if each["type"] == "status" and "notified_on" in each
    ]
    assert [each["notified_on"] for each in anew] == [ledger.clock.day(3)]
    assert not splitting.order(bureau, UTILITY, number).needs_telling


def test_each_furnisher_gets_its_own_entries_and_no_others(ledger, bureau, clerk, mixed):
    case, wrong = mixed
    number = splitting.open_split(bureau, clerk, case, wrong[:3], OTHER)
    assert [len(each.steps) for each in splitting.for_furnisher(bureau, LENDER)] == [3]
    assert splitting.for_furnisher(bureau, UTILITY) == []
    with pytest.raises(NotFoundError):
        splitting.order(bureau, UTILITY, number)


def test_without_a_name_the_entries_are_only_taken_back(ledger, bureau, clerk, mixed):
    case, wrong = mixed
    number = splitting.open_split(bureau, clerk, case, wrong, "")
    for desk in (ledger.lender, ledger.utility):
        sign(ledger, desk, number, {})
    assert splitting.of_case(bureau, clerk, case)[0].done
    ledger.step()
    assert account_of(ledger, MIXED) == account_of(ledger, RIGHT_MIXED)


def test_r16_a_file_is_split_only_while_its_record_is_open(ledger, bureau, clerk, mixed, clock):
    case, wrong = mixed
    other = seats.add(bureau, "bureau", "clerk", "B. Wang")
    with pytest.raises(ConflictError):
        splitting.open_split(bureau, other, case, wrong, OTHER)
    for items, who in (([], OTHER), ([10**6], OTHER), (wrong, MIXED), (wrong, "nobody")):
        with pytest.raises(CredenceError):
            splitting.open_split(bureau, clerk, case, items, who)
    clock.move(seconds=15 * 60)
    with pytest.raises(ConflictError):
        splitting.open_split(bureau, clerk, case, wrong, OTHER)
    assert splitting.of_case(bureau, clerk, case) == splitting.of_case(bureau, other, case) == []


def test_whose_they_are_is_sealed(bureau, clerk, mixed):
    case, wrong = mixed
    splitting.open_split(bureau, clerk, case, wrong, OTHER)
    with bureau.transaction() as connection:
        (stored,) = connection.execute("SELECT encode(sealed, 'escape') || s::text FROM splits s").fetchone()
    assert "uci:" not in stored
