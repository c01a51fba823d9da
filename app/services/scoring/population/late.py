"""`app.core.scoring.measures.late` for columns: late payments, collections and public records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.core.scoring.measures.late import CHARGED_OFF
from app.services.scoring.population.calendar import NEVER, add_months, first_day, month_of
from app.services.scoring.population.segments import by_file, nth_bit, steps_reached, worst

if TYPE_CHECKING:
    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.segments import Binned, Edges
    from app.services.scoring.population.views import Views


def current(v: Views, edges: Edges) -> Binned:
    marks = v.marks
    rows = marks.running & marks.open_account
    return worst(marks.file[rows], steps_reached(marks.code[rows], edges), marks.leaves_on[rows], v.count)


def since_late(v: Views, edges: Edges) -> Binned:
    marks = v.marks
    rows = marks.code > 1
    return worst(marks.file[rows], *_aged(v, marks.month[rows], edges, marks.leaves_on[rows]), v.count)


def _aged(v: Views, month: Ints, edges: Edges, leaves_on: Ints) -> Binned:
    """The bins, from 1, of what happened in these months by its age, and the days on which it moves on."""
    age = v.now - month
    younger = len(edges) - steps_reached(age, edges)
    moves_on = first_day(month + np.array(edges)[younger - 1])
    return younger + 1, np.where(younger > 0, np.minimum(moves_on, leaves_on), leaves_on)


def worst_24(v: Views, edges: Edges) -> Binned:
    marks = v.marks
    rows = v.now - marks.month < 24
    moves_on = np.minimum(first_day(marks.month[rows] + 24), marks.leaves_on[rows])
    return worst(marks.file[rows], steps_reached(marks.code[rows], edges), moves_on, v.count)


def late_months(v: Views, edges: Edges) -> Binned:
    marks = v.marks
    rows = v.now - marks.month < 12
    age = np.maximum(v.now - marks.month[rows], 0)
    months = by_file(np.bitwise_or, 1 << age, marks.file[rows], v.count, 0)
    return fading_months(v, months, 12, edges)


def fading_months(v: Views, months: Ints, window: int, edges: Edges) -> Binned:
    """The bin of how many months there are in a set of ages, and when the month that decides leaves the window."""
    place = steps_reached(np.bitwise_count(months), edges)
    needed = np.append(0, edges)[place]
    age = nth_bit(months, needed)
    return place, np.where(place > 0, first_day(v.now - age + window), NEVER)


def records(v: Views, edges: Edges) -> Binned:
    marks, placed, profile = v.marks, v.columns.records, v.profile
    off = marks.code == CHARGED_OFF
    leaving = _leaving(v, marks.running[off], marks.last_month[off], marks.leaves_on[off], edges)
    charged_off = worst(marks.file[off], *leaving, v.count)
    kept = np.where(placed.insolvency, profile.insolvency_months, profile.negative_months)
    still_open = placed.settled == 0
    settled = np.where(still_open, v.day, placed.settled)
    leaves_on = np.where(still_open, NEVER, add_months(settled, kept))
    rows = leaves_on > v.day
    leaving = _leaving(v, still_open[rows], month_of(settled[rows]), leaves_on[rows], edges)
    public = worst(placed.file[rows], *leaving, v.count)
    place = np.maximum(charged_off[0], public[0])
    moves_on = [np.where(bins == place, days, 0) for bins, days in (charged_off, public)]
    return place, np.maximum(*moves_on)


def _leaving(v: Views, still_open: Bools, month: Ints, leaves_on: Ints, edges: Edges) -> Binned:
    """The bins of records, of which some are open and the others were settled in a month."""
    place, moves_on = _aged(v, month, edges, leaves_on)
    return np.where(still_open, len(edges) + 2, place), np.where(still_open, leaves_on, moves_on)
