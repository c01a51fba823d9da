"""The second engine gives what the reference gives, in every field, for every file that there may be.

SOAK=50 .venv/bin/python -m pytest tests/services/test_population.py      a million random files, all research accounts
"""

import datetime as dt
import itertools
from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.months import LAST_DAY
from app.core.reporting.batch import parse_batch
from app.core.reporting.events import decode_stored
from app.core.scoring.fold import fold, fold_owned
from app.core.scoring.folded import File, encode_file
from app.core.scoring.measures import MEASURES
from app.core.scoring.profiles import CN, PROFILES
from app.core.scoring.score import flags_of, score_file
from app.core.scoring.scorecard import CardCriterion, CardMeasure, make_card, parse_card
from app.core.state.account_state import Opaque, Rules, advance, encode, rebuild
from app.services.home import Home
from app.services.ledger import cards
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.scoring.population import Columns, points, rescore, score_columns
from app.services.scoring.population.rescoring import COLUMNS_MIN
from app.services.scoring.research import LENDER, Research
from tests.core.fold_samples import (
    CARD,
    CARDS,
    TODAY,
    WIDE,
    dispute,
    freeze,
    histories,
    inquiry,
    next_day,
    opened,
    placed,
    rent,
    statement,
    thaw,
)
from tests.core.fold_samples import et as events
from tests.services import replay
from tests.services.builders import card as another_card
from tests.services.random_files import combined, random_file
from tests.soak import SOAK, examples

FILES = 5_000
FOLDED = 500  # of these; the others are combined from them


def compare(files, columns, day, card, profile):
    """The scores in columns; an AssertionError tells of the first file that the engines do not agree on."""
    found = score_columns(columns, day, card, profile)
    wanted = [score_file(file, day, card, profile) for file in files]
    for file, here, there in zip(files, found.scored(), wanted, strict=True):
        assert here == there, (day, card.name, profile.name, encode_file(file))
    assert found.flags() == [flags_of(file, day) for file in files]
    assert found.score.tolist() == [each.score or 0 for each in wanted]
    return found, wanted


def test_every_measure_is_there():
    assert points.MEASURES.keys() == MEASURES.keys()


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(histories(max_size=40), min_size=1, max_size=6),
    st.sampled_from(sorted(PROFILES)),
    st.integers(0, 4_500),
    st.booleans(),
    st.sampled_from(CARDS),
)
def test_any_histories_of_several_citizens(lives, profile, later_days, reported, card):
    """`reported`: as if there were reports for ever, so that no silence hides what is long ago."""
    files = [fold(File(reported=12 * 2199 + 12 if reported else None), life) for life in lives]
    day = next_day(TODAY, later_days if reported else later_days % 200)
    compare(files, Columns.of(files), day, card, PROFILES[profile])
    compare(files, Columns.of_json(list(map(encode_file, files))), day, card, PROFILES[profile])


@pytest.mark.parametrize("number", range(examples(4)))
def test_thousands_of_random_files(number):
    """Both cards, all profiles, days from that of the newest event to twelve years behind it."""
    random = Random(number)
    folded = [random_file(random) for _ in range(FOLDED)]
    files = folded + [combined(random, folded) for _ in range(FILES - FOLDED)]
    day = next_day(TODAY, random.randrange(random.choice((1, 2, 40, 400, 4_500))))
    profile = PROFILES[sorted(PROFILES)[number % len(PROFILES)]]
    card = CARDS[number // 2 % 2]
    made = Columns.of if number % 2 else lambda files: Columns.of_json(list(map(encode_file, files)))
    found, _ = compare(files, made(files), day, card, profile)
    assert found.by_reference < FILES / 10, "columns are for most files"


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_fitted_card_that_the_product_ships(profile):
    """Its pairs, on files and days like those above."""
    random, fitted = Random(profile), parse_card(cards.fitted_card()[0])
    folded = [random_file(random) for _ in range(100)]
    files = folded + [combined(random, folded) for _ in range(900)]
    for later in (0, 33, 400):
        compare(files, Columns.of(files), next_day(TODAY, later), fitted, PROFILES[profile])


def test_the_random_files_fall_into_every_bin():
    """Otherwise their agreement would say less than it seems to."""
    random, bins, insufficient = Random(7), Counter(), set()
    folded = [random_file(random) for _ in range(FOLDED)]
    files = folded + [combined(random, folded) for _ in range(FILES - FOLDED)]
    for published in CARDS:
        _, wanted = compare(files, Columns.of(files), TODAY, published, CN)
        bins.update((name, place) for each in wanted for name, place, _, _ in each.criteria)
        insufficient |= {each.insufficient for each in wanted}
    single = [c for published in CARDS for c in published.contents.criteria if len(c.measures) == 1]
    missed = {(c.id, place) for c in single for place in range(len(c.points))} - bins.keys()
    assert missed == set()
    assert len(insufficient) == 4


# ---- the research data
# --------------------------------------------------------------------------------------------------


def research_files(home, groups):
    """The folded files of so many thousand research clients, with their consents."""
    research = Research(home, "ledger.example/research", dt.date(2026, 11, 22))
    files = defaultdict(File)
    for signer, batch_id, group in itertools.islice(research.batches(), 2 * groups):
        lives = defaultdict(list)
        for index, line in enumerate(parse_batch(research.body(signer, batch_id, group)[0]).lines):
            event = decode_stored(line)
            lives[event.citizen].append((index, event))
        for citizen, life in lives.items():
            fold_owned(files[citizen], life)
        if signer.name != LENDER:
            yield list(files.values())
            files.clear()


def test_research_accounts(tmp_path):
    """Two thousand of them; all 30,000 with SOAK of 15 and more."""
    count = 0
    for files in research_files(Home(tmp_path), min(2 * SOAK, 30)):
        for published, day in itertools.product(CARDS, (TODAY, "2027-06-30")):
            found, _ = compare(files, Columns.of_json(list(map(encode_file, files))), day, published, CN)
            assert found.by_reference == 0
        count += len(files)
    assert count == 1_000 * min(2 * SOAK, 30)


# ---- what is rare
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [[], [File()], [File(), File(disputed=3, repaired=True)]])
def test_files_without_anything(files):
    for columns in (Columns.of(files), Columns.of_json(list(map(encode_file, files)))):
        found, _ = compare(files, columns, TODAY, WIDE, CN)
        assert found.by_reference == 0


def old(*further):
    """A file that has a score."""
    kept = [opened("2020-01-01", "old", "mortgage", opened_on="2020-01-01"), rent(TODAY)]
    return fold(File(), list(enumerate([*kept, *further])))


def test_vast_amounts_and_days_to_come_are_the_references():
    files = [
        old(),
        old(opened(limit_minor=2**53 - 1), statement(TODAY, 2**53 - 1)),
        old(opened(limit_minor=2**53 - 1), statement(TODAY, 2)),
        old(opened(limit_minor=100), statement("2027-03-01", 99)),
    ]
    found, _ = compare(files, Columns.of(files), TODAY, WIDE, CN)
    assert sorted(found.reference) == [1, 2, 3]
    for number, scored in found.reference.items():
        assert tuple(found.places[:, number]) == tuple(place for _, place, _, _ in scored.criteria)
        assert tuple(found.points[:, number]) == tuple(points for _, _, points, _ in scored.criteria)
        named = [WIDE.ids[place] for place in found.reasons[number] if place >= 0]
        assert tuple(named) == scored.reasons


def test_accounts_that_go_stale_one_after_the_other():
    """Several currencies and accounts: the worst currency's bin, now and in each month to come."""
    lives = [
        ("2026-01-31", 950, "a", "EUR"),
        ("2026-05-15", 10, "b", "CNY"),
        ("2026-05-16", 800, "c", "CNY"),
        ("2026-11-01", 500, "d", "USD"),
    ]
    bills = [statement(*life, limit_minor=1_000) for life in lives]
    cards = [opened("2025-12-01", name, currency=currency) for _, _, name, currency in lives]
    file = old(*cards, *bills)
    day, last = TODAY, "2028-01-01"
    while day < last:
        found, _ = compare([file], Columns.of([file]), day, WIDE, CN)
        day = found.scored()[0].until


def test_inquiries_on_every_day_and_card_of_their_year():
    """Bursts in two classes, and 400 in one month: the list's bound."""
    bursts = [inquiry(next_day("2025-11-20", n), None if n % 3 else "mortgage") for n in range(0, 366, 13)]
    many = [inquiry(next_day("2026-10-01", n % 40)) for n in range(450)]
    files = [old(*bursts), old(*many), old(*bursts, *many)]
    card = _inquiries_card()
    for later in range(0, 380, 7):
        compare(files, Columns.of(files), next_day(TODAY, later), card, CN)


def _inquiries_card():
    """Edges so close that nearly every inquiry that leaves changes the bin."""
    measure = CardMeasure((1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 16), "inquiries")
    criterion = CardCriterion((measure,), tuple(range(550, 550 - 13, -1)), "fitted")
    return make_card(CARD.contents.__class__(300, (criterion,), "Inquiries", 850, 1))


def test_freezes_with_exceptions():
    files = [
        old(freeze("2026-11-01")),
        old(freeze("2026-11-01"), thaw("2026-11-02")),
        old(freeze("2026-11-01"), thaw("2026-11-02", None, "2026-12-24")),
        old(freeze("2026-11-01"), thaw("2026-11-02", "bank.example", "2026-12-24")),
        old(freeze("2026-11-01"), thaw("2026-11-02", None, "2026-12-24"), freeze("2026-11-03")),
        old(thaw("2026-11-02", None, "2026-12-24"), freeze("2026-11-30")),
    ]
    for day in (TODAY, "2026-12-23", "2026-12-24"):
        compare(files, Columns.of(files), day, CARD, CN)


def test_a_day_at_the_end_of_the_calendar():
    files = [old(placed(events.CourtDebt, "2190-01-01"), inquiry("2199-11-30"), rent(LAST_DAY)), old()]
    compare(files, Columns.of(files), LAST_DAY, WIDE, CN)


# ---- used for blocks
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, COLUMNS_MIN - 1, COLUMNS_MIN, 3 * COLUMNS_MIN])
def test_scoring_again_gives_what_an_account_without_news_would_advance_to(count):
    """Of files that are whole, in repair, and partly destroyed."""
    today, later = Rules(TODAY, CARD, CN), Rules("2026-12-24", WIDE, CN)
    states = []
    for number in range(count):
        balance = 13 * number % 900
        lives = [opened("2020-01-01", opened_on="2020-01-01"), statement("2026-10-31", balance), rent(TODAY)]
        lives += [dispute(1)] if number % 3 == 1 else []
        placed = list(enumerate(lives))
        parts = [Opaque(1, "retention", TODAY)] if number % 3 == 2 else []
        leaves = [(index, bytes([index]) * 32) for index, _ in placed]
        surviving = placed[:1] + placed[2:] if parts else placed
        states.append(rebuild(leaves, surviving, parts, today, bytes(32)).state)
    wanted = [advance(state, [], later, bytes(32), pytest.fail) for state in states]
    written = rescore(states, later)
    assert [encode(each.state) for each in written] == [encode(each.state) for each in wanted]
    assert [each.scored for each in written] == [each.scored for each in wanted]
    assert [each.until for each in written] == [each.until for each in wanted]


def test_a_switch_of_cards_in_columns_is_what_the_audit_finds_right(ledger):
    """The audit folds with the reference, one account after the other."""
    ledger.report(COLUMNS_MIN + 10, months=3)
    ledger.step()
    ledger.publish(another_card("Another", 3))
    ledger.step()
    replay.check(ledger.url, ledger.home)
    source = DatabaseSource.open(ledger.home, ledger.url)
    try:
        found = audit(lambda: source, lambda *_: None, ledger_key=ledger.bureau.verifier, processes=0)
    finally:
        source.close()
    assert found.findings == []
