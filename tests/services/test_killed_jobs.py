"""`kill -9` inside every job of the scheduler, at random moments: nothing is lost, doubled or half done afterwards.

Each run of a job is a process of its own that kills itself behind its n-th statement or commit. The seed is printed;
CRASH_SEED=<number> repeats it.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter

import psycopg
import pytest

from app.core.log import notices
from app.db import admission
from app.services.scheduler import Scheduler
from tests.services import busy, replay
from tests.services.audited import Tamper, owner_dsn
from tests.services.builders import BANK

TRIES_A_JOB = 5
STATEMENTS_MAX = 60  # a kill behind one of the first so many


@pytest.fixture
def rng():
    seed = int(os.environ.get("CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    print(f"CRASH_SEED={seed}")  # noqa: T201 - for whom it fails
    return random.Random(seed)


def die_behind(count):
    """From now on this process ends by SIGKILL behind its `count`-th statement or commit."""
    left = [count]

    def counted(real):
        def call(*arguments, **more):
            result = real(*arguments, **more)
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in ("execute", "commit"):
        setattr(psycopg.Connection, name, counted(getattr(psycopg.Connection, name)))


def was_killed(ledger, job, count):
    """Run one job in a process of its own that dies behind its `count`-th statement; False when it came to its end before."""

    def dying(bureau):
        die_behind(count)
        return job.work(bureau)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            with Scheduler(ledger.reopen(), [job._replace(work=dying)], patience_s=30) as working:
                working.turn()
                status = 2 if working.failed else 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"the job {job.name} failed"
    return False


def finish(ledger):
    """Every job by this process, and blocks, until there is nothing left to do."""
    with Scheduler(ledger.bureau, busy.AT_ONCE, patience_s=30) as working:
        for _ in range(20):
            done = working.turn()
            assert working.failed == []
            blocks = ledger.settle()
            if not blocks and not any(
                done[name] for name in ("mail", "watch", "webhooks", "erasures", "retention")
            ):
                return
    raise AssertionError("it goes on for ever")


def table(ledger, query):
    with psycopg.connect(owner_dsn(ledger.url)) as connection:
        return connection.execute(query).fetchall()


def test_kill_9_inside_the_jobs_loses_doubles_and_halves_nothing(ledger, receiver, rng):
    busy.fill(ledger, receiver.url)
    killed = Counter()
    by_name = {job.name: job for job in busy.AT_ONCE}
    order = ["mail", "watch", "webhooks", *sorted(by_name.keys() - {"mail", "watch", "webhooks"})]
    for name in order:
        most = STATEMENTS_MAX
        for _ in range(TRIES_A_JOB):
            if was_killed(ledger, by_name[name], rng.randint(1, most)):
                killed[name] += 1
            else:  # it had fewer statements
                most = max(1, most // 3)
            if rng.random() < 0.3:
                ledger.settle()
        if name in ("mail", "watch"):  # before the other jobs make more news, or move a score back
            assert not was_killed(ledger, by_name[name], 10_000)
        if name == "mail":
            assert busy.letters(ledger) == sorted(map(busy.address_of, busy.CITIZENS)), "one letter each"
    print(dict(killed))  # noqa: T201 - with -s
    assert killed.keys() == by_name.keys(), killed
    finish(ledger)
    check_messages(ledger, receiver)
    check_ledger(ledger)
    check_counts(ledger)


def check_messages(ledger, receiver):
    """One look and one message a watch; a message may come twice, and then with the same id."""
    sent = table(ledger, "SELECT watch, id, outcome, sealed FROM webhooks ORDER BY 1, 2")
    assert [row[2:] for row in sent] == [("arrived", None)] * len(busy.CITIZENS)
    assert busy.message_ids(receiver) == [row[:2] for row in sent]
    for citizen in busy.CITIZENS:
        looked = [e for _, e in busy.events_of(ledger, citizen) if getattr(e, "recipient", "") == BANK]
        assert [e.__struct_config__.tag for e in looked] == ["answer", "look"]


def check_ledger(ledger):
    """Disputes are closed once, erasures announced and carried out once, and the audit finds nothing."""
    for citizen in busy.CITIZENS:
        kinds = busy.kinds_of(ledger, citizen)
        if citizen not in busy.ERASED:  # with what it was about, a dispute goes too
            assert kinds["dispute_closed"] == kinds["dispute_opened"] == 1, citizen
        assert kinds.get("consent_withdrawn", 0) == kinds.get("erasure", 0) == (citizen in busy.ERASED)
        assert ("account_opened" in kinds) == (citizen not in busy.ERASED)
    closings = table(ledger, "SELECT event_count FROM batches WHERE batch_id LIKE 'dispute-%'")
    assert closings == [(1,)] * len(busy.CITIZENS)
    assert table(ledger, "SELECT count(*) FROM disputes WHERE outcome = 'deadline'") == [
        (len(busy.CITIZENS),)
    ]
    with ledger.bureau.transaction() as connection:
        told = [notices.decode(payload) for _, payload, _ in admission.all_notices(connection)]
    assert len([n for n in told if isinstance(n, notices.ErasureDone)]) == len(busy.ERASED)
    gone = [(index, n.reason) for n in told if isinstance(n, notices.Destroyed) for index in n.entries]
    assert len({index for index, _ in gone}) == len(gone), "nothing is named twice"
    assert Counter(reason for _, reason in gone)["retention"] == len(busy.CITIZENS)
    assert not any(
        getattr(e, "account", "") == "old" for c in busy.CITIZENS for _, e in busy.events_of(ledger, c)
    )
    tamper = Tamper(ledger)
    try:
        assert tamper.audit() == []
    finally:
        tamper.close()
    replay.check(ledger.url, ledger.home)


def check_counts(ledger):
    """The figures of furnishers are as they are when counted in one go."""
    query = "SELECT furnisher, quarter, name, count FROM furnisher_counts WHERE name <> 'unreadable' ORDER BY 1, 2, 3"
    placed = table(ledger, "SELECT count(*) FROM events e JOIN placements p ON p.admission = e.batch")[0][0]
    counts = table(ledger, query)
    blocks = next(row[3] for row in counts if row[2] == "blocks")
    assert blocks == table(ledger, "SELECT count(*) FROM blocks")[0][0]
    reported = next(row[3] for row in counts if row[0] == "lender.example" and row[2] == "reported")
    unreadable = sum(
        row[0] for row in table(ledger, "SELECT count FROM furnisher_counts WHERE name = 'unreadable'")
    )
    assert 0 < reported <= placed
    assert reported + unreadable <= placed, "no event is counted twice"
