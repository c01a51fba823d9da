"""Gathering: who waits together is served together, errors stay with whom they concern, and the lead is handed on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.services.banks.gathering import GROUP_MAX, Gathering
from tests.services.builders import gathered


def test_one_alone_is_served_at_once():
    assert Gathering().ask(3, lambda asked: [each + 1 for each in asked]) == 4


def test_who_comes_while_one_is_served_is_the_next_group():
    gathering, groups = Gathering(), []

    def serve(asked):
        groups.append(sorted(asked))
        return [each * 10 for each in asked]

    assert gathered(gathering, [1, 2, 3], serve) == [10, 20, 30]
    assert groups == [[1, 2, 3]]
    assert gathering.ask(4, serve) == 40


def test_a_group_has_a_limit_and_nobody_is_forgotten():
    gathering, sizes = Gathering(), []

    def serve(asked):
        sizes.append(len(asked))
        return list(asked)

    assert gathered(gathering, list(range(GROUP_MAX + 3)), serve) == list(range(GROUP_MAX + 3))
    assert sizes == [GROUP_MAX, 3]


def test_an_error_as_a_value_is_raised_for_one_alone():
    got = gathered(
        Gathering(), [1, 0, 2], lambda asked: [1 // each if each else ValueError(each) for each in asked]
    )
    assert (got[0], got[2]) == (1, 0)
    assert isinstance(got[1], ValueError)


def test_what_serving_raises_everybody_gets_and_the_next_group_is_served():
    def fail(asked):
        raise LookupError(len(asked))

    gathering = Gathering()
    assert [type(each) for each in gathered(gathering, [1, 2], fail)] == [LookupError, LookupError]
    assert gathering.ask(5, list) == 5


def test_a_leader_that_is_torn_away_hands_on_the_lead():
    gathering = Gathering()

    def torn(asked):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gathering.ask(1, torn)
    assert gathering.ask(2, list) == 2


def test_many_threads_each_get_their_own_answer():
    gathering, most = Gathering(), []
    serving = threading.Lock()

    def serve(asked):
        assert serving.acquire(blocking=False), "one leader at a time"
        most.append(len(asked))
        time.sleep(0.0005)
        serving.release()
        return [-each for each in asked]

    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda number: gathering.ask(number, serve), range(1, 601)))
    assert got == [-number for number in range(1, 601)]
    assert sum(most) == 600
    assert max(most) > 1


def test_after_a_group_the_next_leader_waits_for_those_who_come_back():
    """Each client asks again once it has its answer. Without a moment's patience every other group would be of one."""
    gathering, clients, sizes = Gathering(), 6, []
    together = threading.Barrier(clients)

    def serve(asked):
        sizes.append(len(asked))
        time.sleep(0.02)
        return list(asked)

    def client(number):
        together.wait()
        for turn in range(10):
            assert gathering.ask((number, turn), serve) == (number, turn)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    assert sum(sizes) == 10 * clients
    assert len(sizes) <= 15, sizes  # 10 at best, 20 without waiting


def test_whom_nobody_follows_is_served_all_the_same():
    """The group before lets expect more, and they do not come."""
    gathering = Gathering()
    assert gathered(gathering, [1, 2, 3], list) == [1, 2, 3]
    assert [gathering.ask(each, list) for each in (4, 5)] == [4, 5]


def test_company_that_comes_ends_the_wait():
    gathering, sizes = Gathering(), []

    def serve(asked):
        sizes.append(len(asked))
        return list(asked)

    gathering._expected, gathering._patience_s = 3, 60.0
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda each: gathering.ask(each, serve), [1, 2, 3])) == [1, 2, 3]
    assert sizes == [3]
