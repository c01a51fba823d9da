"""The further claims over HTTP: a citizen's own, and the log's growth for anybody."""

from __future__ import annotations

import pytest

from app.core import canon
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.web.machines.public_log import own_policy_of
from tests.web.conftest import CITIZEN
from tests.web.test_pages import sign_in
from tests.web.test_public_log import newest


@pytest.fixture
def record(client, link):
    """The client of a citizen who is signed in."""
    sign_in(client, link)
    return client


def asked(world, **more):
    return Asked(Policy.parse(own_policy_of(world.bureau)), world.bureau.now(), **more)


def test_a_citizen_takes_the_whole_file_along(record, world):
    answer = record.get("/record/history.proof")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="history.proof"'
    assert answer.headers["Cache-Control"] == "no-store"
    found = verify_claim(answer.data, asked(world, identifier=CITIZEN))
    assert found.kind == "history"
    events = canon.decode_object(answer.data, bytes_max=1 << 25)["events"]
    one = record.get(f"/record/events/{events[0][1]}.proof")
    assert verify_claim(one.data, asked(world)).facts["index"] == events[0][1]


def test_another_citizens_event_is_not_there(record, world):
    own = {
        event[1]
        for event in canon.decode_object(record.get("/record/history.proof").data, bytes_max=1 << 25)[
            "events"
        ]
    }
    with world.bureau.transaction() as connection:
        (size,) = connection.execute("SELECT max(tree_size) FROM blocks").fetchone()
    statuses = {index: record.get(f"/record/events/{index}.proof").status_code for index in range(0, size, 7)}
    assert all((status == 200) == (index in own) for index, status in statuses.items())
    assert set(statuses.values()) <= {200, 404}


def test_without_a_session_there_is_nothing(app):
    client = app.test_client()
    assert client.get("/record/history.proof").status_code == 403
    assert client.get("/record/events/5.proof").status_code == 403


def test_the_growth_of_the_log_is_for_anybody(client, world):
    size, _ = newest(client)
    answer = client.get(f"/v1/consistency/{size}")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert verify_claim(answer.data, asked(world)).facts["new_size"] >= size
    assert client.get(f"/v1/consistency/{size + 10**6}").status_code == 404
