"""R23 and R27: what a dispute takes away, and that a repaired ledger is the one that had been right from the start.

A story is a log in which things are reported, corrected, retracted, disputed and settled in any order, several
times over. Beside it stands what it comes to, kept by a few lines of bookkeeping that know nothing of the fold. Both
go through `advance`, block by block, and have to agree on every day.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import CredenceError
from app.core.months import LAST_DAY
from app.core.reporting import event_types as et
from app.core.reporting.events import decode_corrected
from app.core.scoring.fold import fold, fold_history
from app.core.scoring.folded import File, encode_file
from app.core.scoring.profiles import CN, PROFILES
from app.core.scoring.score import receipt_json, score_file
from app.core.state.account_state import PlacedEvent, Rules, advance
from tests.core.fold_samples import (
    CARDS,
    NOTICE,
    STATUSES,
    TODAY,
    business,
    community,
    correction,
    days,
    dispute,
    inquiry,
    left_in_doubt,
    make,
    next_day,
    only_helps,
    opened,
    placed,
    records,
    rent,
    retraction,
    settled,
    statuses,
    undisputed,
)
from tests.soak import examples

DAYS = days("2019-01-01", TODAY)
OLD = opened("2010-01-01", account="old", class_="mortgage", opened_on="2010-01-01")
REPORTS = st.one_of(
    statuses(DAYS),
    statuses(days("2026-01-01", TODAY)),
    business(days("2025-06-01", TODAY)),
    community(DAYS),
    records(DAYS),
    st.builds(inquiry, days("2025-01-01", TODAY), st.sampled_from([None, "card", "mortgage"])),
)


def correctable(event):
    """Whether the event may be what a correction says: an answer never, and not what intake refuses."""
    try:
        return decode_corrected(event, correction(0, event)) == event
    except CredenceError:
        return type(event) is et.Answer


class Story:
    """A log, and what it comes to: of each report the last version that stands, and whether it counts."""

    def __init__(self):
        self.log = []
        self.reported = {}  # index -> event
        self.versions = {}  # index of a report -> {index of a correction that stands: event}
        self.corrected = {}  # index of a correction -> index of its report
        self.gone, self.disputed = set(), set()

    def add(self, event):
        self.log.append((3 * len(self.log) + 1, event))
        return self.log[-1][0]

    def report(self, event):
        self.reported[self.add(event)] = event

    def correct(self, item, event):
        index = self.add(correction(item, event))
        self.corrected[index] = item
        self.versions.setdefault(item, {})[index] = event

    def retract(self, target):
        self.add(retraction(target))
        self.gone.add(target)
        self.versions.get(self.corrected.get(target), {}).pop(target, None)

    def open(self, target):
        self.add(dispute(target))
        self.disputed.add(self.corrected.get(target, target))

    def close(self, target):
        self.add(undisputed(target))
        self.disputed.discard(self.corrected.get(target, target))

    def right(self):
        """The file of a ledger in which everything had been as it now stands; of what is in dispute that it was reported."""
        standing, doubtful = [], []
        for index, reported in self.reported.items():
            versions = self.versions.get(index)
            event = versions[max(versions)] if versions else reported
            if index not in self.gone:
                counts = index not in self.disputed or only_helps(event)
                (standing if counts else doubtful).append((index, event))
        file = left_in_doubt(fold(File(), standing), [event for _, event in doubtful])
        file.repaired = True  # an opening in doubt counts in such a file only
        return file


@st.composite
def stories(draw):
    """(story, after how many entries of its log a block was made, and what it came to there)."""
    pool = [OLD, rent(TODAY), *filter(correctable, draw(st.lists(REPORTS, min_size=4, max_size=16)))]
    story, blocks = Story(), []
    story.report(OLD)
    for _ in range(draw(st.integers(3, 22))):
        targets = [*story.reported, *story.corrected]
        what = draw(st.sampled_from(["report", "report", "correct", "correct", "retract", "open", "close"]))
        if what == "report":
            story.report(draw(st.sampled_from(pool)))
        elif what == "correct":
            item = draw(st.sampled_from(list(story.reported)))
            kind = type(story.reported[item])
            if kind is not et.Answer:
                story.correct(item, draw(st.sampled_from([e for e in pool if type(e) is kind])))
        else:
            getattr(story, what)(draw(st.sampled_from(targets)))
        if draw(st.booleans()):
            blocks.append((len(story.log), story.right()))
    blocks.append((len(story.log), story.right()))
    return story, blocks


def written(state, new, whole, rules):
    placed_events = [PlacedEvent(index, b"\7" * 32, event) for index, event in new]
    return advance(state, placed_events, rules, b"\1" * 32, lambda: whole)


def said(found):
    return found.score, found.insufficient, found.criteria, found.reasons, found.until


@settings(max_examples=examples(150), deadline=None)
@given(stories(), st.sampled_from(CARDS), st.sampled_from(sorted(PROFILES)), st.data())
def test_r27_block_by_block_every_score_is_that_of_the_ledger_that_was_right_from_the_start(
    story, card, name, data
):
    story, blocks = story
    profile, day, state, before = PROFILES[name], TODAY, None, 0
    for stop, right in blocks:
        rules = Rules(day, card, profile)
        mended = written(state, story.log[before:stop], story.log[:stop], rules)
        plain = score_file(right, day, card, profile)
        assert said(mended.scored) == said(plain), day
        assert bytes(mended.state.receipt) == receipt_json(plain)
        state, before = mended.state, stop
        day = next_day(day, data.draw(st.sampled_from([1, 1, 20, 200])))
        rules = Rules(day, card, profile)
        older = written(state, [], story.log[:stop], rules)  # nothing new, only older
        assert said(older.scored) == said(score_file(right, day, card, profile))


@settings(max_examples=examples(25), deadline=None)
@given(stories(), st.sampled_from(CARDS), st.sampled_from(sorted(PROFILES)))
def test_r27_day_by_day_for_two_years_and_then_from_edge_to_edge(story, card, name):
    story, blocks = story
    profile = PROFILES[name]
    mended, right = fold_history(story.log), blocks[-1][1]
    mended.repaired, mended.disputed = right.repaired, right.disputed
    assert encode_file(mended) == encode_file(right)
    day = TODAY
    for _ in range(730):
        found = score_file(mended, day, card, profile)
        assert said(found) == said(score_file(right, day, card, profile))
        day = next_day(day)
    while found.until != LAST_DAY:
        day = found.until
        found = score_file(mended, day, card, profile)
        assert said(found) == said(score_file(right, day, card, profile))


@settings(max_examples=examples(60), deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_r27_it_does_not_matter_in_which_order_the_log_is_read(story, rng):
    log = story[0].log
    shuffled = log[:]
    rng.shuffle(shuffled)
    assert fold_history(shuffled) == fold_history(log)


def test_r27_a_correction_of_what_was_corrected_and_its_retraction():
    story = Story()
    late = [
        make(et.Status, "2026-10-01", account="a", status=how, first_delinquent_on="2026-09-01", **NOTICE)
        for how in ("late_120", "late_60", "late_30")
    ]
    story.report(OLD)
    story.report(late[0])
    item = story.log[-1][0]
    codes = []
    for act in (
        lambda: story.correct(item, late[1]),
        lambda: story.correct(item, late[2]),
        lambda: story.open(story.log[-1][0]),  # a dispute about the second correction
        lambda: story.retract(story.log[-2][0]),  # which is taken back
        lambda: story.close(item),
    ):
        act()
        account = fold_history(story.log).accounts.get("bank.example:a")
        codes.append(account.status[1] if account else None)
    assert codes == ["3", "2", ".", ".", "3"]


# ---- R23
# --------------------------------------------------------------------------------------------------

THICK = st.lists(REPORTS, max_size=14).map(lambda items: [OLD, rent(TODAY, account="now"), *items])
NEGATIVE = st.one_of(
    statuses(DAYS, STATUSES[1:]),
    community(DAYS, ("late",)),
    st.builds(
        placed,
        st.sampled_from([et.CourtDebt, et.Insolvency, et.CollectionPlaced]),
        DAYS,
        st.sampled_from(["c-1", "c-3"]),
    ),
    st.builds(lambda day, kind: placed(et.Arrears, day, kind=kind), DAYS, st.sampled_from(["tax", "fee"])),
    st.builds(inquiry, days("2025-06-01", TODAY), st.sampled_from([None, "card", "mortgage"])),
)
HELPFUL = st.one_of(
    statuses(DAYS, STATUSES[:1]),
    statuses(days("2026-01-01", TODAY), STATUSES[:1]),
    community(DAYS, ("on_time",)),
    st.builds(
        settled,
        st.sampled_from([et.CourtDebtSettled, et.InsolvencyDischarged, et.CollectionSettled, et.ArrearsPaid]),
        DAYS,
        st.sampled_from(["c-1", "c-2"]),
    ),
)


def of_history(history, day, card, profile):
    file = fold_history(enumerate(history))
    file.reported = 12 * 2199 + 12  # reports go on: silence is not what this is about
    return score_file(file, day, card, profile)


@settings(max_examples=examples(200), deadline=None)
@given(
    THICK,
    NEGATIVE | HELPFUL,
    st.integers(0, 2500),
    st.sampled_from(CARDS),
    st.sampled_from(sorted(PROFILES)),
)
def test_r23_filing_never_lowers_a_score_and_an_upheld_item_is_back_as_it_was(
    history, item, later_days, card, name
):
    day, place = next_day(TODAY, later_days), len(history)
    before = of_history([*history, item], day, card, PROFILES[name])
    open_ = of_history([*history, item, dispute(place)], day, card, PROFILES[name])
    assert open_.score >= before.score
    assert all(left[2] >= right[2] for left, right in zip(open_.criteria, before.criteria, strict=True))
    closed_ = of_history([*history, item, dispute(place), undisputed(place)], day, card, PROFILES[name])
    assert closed_ == before


@settings(max_examples=examples(60), deadline=None)
@given(THICK, NEGATIVE, st.integers(0, 2500), st.sampled_from(sorted(PROFILES)))
def test_r23_while_it_is_disputed_a_negative_item_does_nothing_at_all(history, item, later_days, name):
    day = next_day(TODAY, later_days)
    without = of_history(history, day, CARDS[0], PROFILES[name])
    assert of_history([*history, item, dispute(len(history))], day, CARDS[0], PROFILES[name]) == without


def test_r23_a_disputed_settlement_does_not_open_the_debt_again():
    debt = [
        OLD,
        placed(et.CourtDebt, "2022-01-01"),
        settled(et.CourtDebtSettled, "2024-01-01"),
        rent(TODAY),
    ]
    plain, disputed = (of_history(log, TODAY, CARDS[0], CN) for log in (debt, [*debt, dispute(2)]))
    assert disputed == plain


# ---- R25 and R28
# --------------------------------------------------------------------------------------------------

LATE = make(
    et.Status, "2026-09-01", account="a", status="late_60", first_delinquent_on="2026-07-01", **NOTICE
)


@settings(max_examples=examples(60), deadline=None)
@given(
    THICK,
    NEGATIVE,
    st.sampled_from(["deadline", "unverifiable"]),
    st.lists(st.sampled_from(["upheld", "corrected", "deadline"]), max_size=2),
    st.integers(0, 2500),
)
def test_r25_an_item_that_nobody_stood_by_has_no_effect_ever_again(history, item, outcome, more, later_days):
    day, place = next_day(TODAY, later_days), len(history)
    without = of_history(history, day, CARDS[0], CN)
    log = [*history, item, dispute(place), undisputed(place, outcome=outcome)]
    log += [undisputed(place, outcome=each) for each in more]  # a later word does not revive it
    assert of_history(log, day, CARDS[0], CN) == without
    assert fold_history(enumerate(log)).disputed == 0


@settings(max_examples=examples(30), deadline=None)
@given(THICK, HELPFUL, st.sampled_from(["deadline", "unverifiable"]))
def test_r25_what_can_only_help_is_never_taken_out(history, item, outcome):
    place = len(history)
    log = [*history, item, dispute(place), undisputed(place, outcome=outcome)]
    assert of_history(log, TODAY, CARDS[0], CN) == of_history([*history, item], TODAY, CARDS[0], CN)


def codes_of(*log):
    account = fold_history(enumerate((OLD, LATE, *log))).accounts.get("bank.example:a")
    return account.status[1] if account else None


def test_r28_only_a_certified_correction_of_which_the_citizen_was_told_puts_an_item_back():
    out = (dispute(1), undisputed(1, "2026-11-21", "deadline"))
    told = correction(1, LATE, notified_on="2026-11-21", status="late_30")
    assert codes_of(*out) == "."
    assert codes_of(*out, correction(1, LATE, notified_on="2026-11-20")) == ".", (
        "told before it was taken out"
    )
    assert codes_of(correction(1, LATE, notified_on="2026-11-21"), *out) == ".", "certified before"
    assert codes_of(*out, told) == "2"
    assert codes_of(*out, told, retraction(4)) == ".", "and taken back"
    assert codes_of(*out, told, dispute(1)) == ".", "it may be disputed again"
    assert codes_of(*out, told, dispute(1), undisputed(1)) == "2"
    assert codes_of(*out, told, dispute(1), undisputed(1, "2026-12-21", "unverifiable")) == "."
    assert codes_of(*out, retraction(1)) is None, "nobody reported it"
    on_time = correction(1, LATE, status="on_time")
    for name in ("first_delinquent_on", *NOTICE):
        del on_time.fields[name]
    assert codes_of(*out, on_time) == "0", "corrected to what can only help, it may help"


def test_r25_a_closing_without_a_dispute_takes_nothing_out():
    assert codes_of(undisputed(1, outcome="deadline")) == "3"
    assert codes_of(dispute(1), undisputed(1), undisputed(1, outcome="unverifiable")) == "3"
