"""R8 from the folded file: what it says was ever reported is what was, or it says that it does not know."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.scoring.fold import fold
from app.core.scoring.folded import NAMES_MAX, STATUS_MONTHS, File
from app.services.ledger.delinquency import Reported, in_file
from tests.core.fold_samples import ago, closed, opened, status

LENDER = "bank.example"
YEARS_MAX = 14


@st.composite
def reports(draw):
    """Status events of one account with their log indices, over more months than a file keeps."""
    months = draw(st.lists(st.integers(0, 12 * YEARS_MAX), min_size=1, max_size=12))
    late = st.sampled_from(("on_time", "late_1", "late_90"))
    return [(n, status(ago(month), draw(late))) for n, month in enumerate(months)]


@given(reports())
def test_r8_a_file_knows_all_reports_or_says_that_it_may_not(history):
    reported = Reported()
    for _, event in history:
        reported.add(event)
    reported.on_time -= set(reported.late)  # in a month with both, late stands
    known = in_file(fold(File(), history), LENDER, "a")
    months = reported.on_time | set(reported.late)
    if max(months) - min(months) < STATUS_MONTHS:
        assert known == reported
    else:
        assert known is None


def test_r8_a_file_without_the_account_knows_that_nothing_was_reported_unless_it_is_full():
    few = fold(File(), [(0, opened(ago(3)))])
    assert in_file(few, LENDER, "a") == Reported()
    assert in_file(few, LENDER, "b") == Reported()
    names = [f"b-{n}" for n in range(NAMES_MAX)]
    full = fold(File(), [(n, closed(ago(1), name)) for n, name in enumerate(names)])
    assert in_file(full, LENDER, "z") is None
    assert in_file(full, "other.example", "z") == Reported()


def test_r8_a_repaired_file_does_not_know():
    assert in_file(File(repaired=True), LENDER, "a") is None
