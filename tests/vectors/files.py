"""Folded files of docs/formats.md section 8: whole histories of random citizens, with repairs of all kinds, and what they fold to.

`files_file(make)` is the file of vectors; make.py loads this module.
"""

from __future__ import annotations

from random import Random

from app.core.reporting import event_types as et
from app.core.reporting.events import encode_event
from app.core.scoring.fold import fold_history
from app.core.scoring.folded import encode_file
from tests.core import fold_samples as s
from tests.services.random_files import random_life

SEEDS = range(300, 316)  # in whose lives there is something of every kind in doubt
EVENTS_MAX = 30
NOT_REPAIRED = (et.Freeze, et.Thaw)


def history(random):
    """Some of a random life, and repairs of what came before them."""
    log = list(enumerate(random_life(random)[:EVENTS_MAX], 7))
    kinds: dict[tuple[object, object], list] = {}
    for item in log:
        if not isinstance(item[1], NOT_REPAIRED):
            kinds.setdefault((type(item[1]), getattr(item[1], "status", "")), []).append(item)
    for index, event in [random.choice(items) for items in kinds.values() if random.random() < 0.7]:
        for repair in repairs(random, index, event, len(log) + 7):
            log.append((len(log) + 7, repair))
    return log


def repairs(random, index, event, at):
    """What becomes of one report: the repairs of it, the first of which gets the log index `at`."""
    day, later = "2026-11-02", "2026-11-23"
    ended = s.undisputed(index, later, random.choice(("upheld", "corrected", "deadline", "unverifiable")))
    what = random.choice(("dispute", "dispute", "dispute", "ended", "retracted", "corrected", "certified"))
    if what == "dispute":
        return [s.dispute(index, day)]
    if what == "ended":
        return [s.dispute(index, day), ended]
    if what == "retracted" or isinstance(event, et.Answer):
        return [s.dispute(index, day), s.retraction(index, event.day)]
    if what == "corrected":
        return [s.correction(index, event, **_other(event)), s.dispute(at, day), s.correction(index, event)]
    told = {"notified_on": later} if event.negative else {}
    return [s.dispute(index, day), s.undisputed(index, later, "deadline"), s.correction(index, event, **told)]


def _other(event):
    return {"balance_minor": 77} if isinstance(event, et.Statement) else {"day": event.day[:8] + "05"}


def files_file(_make):
    """The file of vectors."""
    cases = []
    for seed in SEEDS:
        log = history(Random(seed))
        events = [[index, encode_event(event).decode()] for index, event in log]
        cases.append({"events": events, "file": encode_file(fold_history(log)).decode()})
    return {"cases": cases}
