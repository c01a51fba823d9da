"""What is asked of the database about a group of inquiries, in few round trips (`session.ask`).

    keys_at, known, notice = begin(connection, names)          citizens' keys are held; which batches were admitted before
    block, found = look(connection, tags, lock_access(...))    who they are, their accounts, and what was admitted since

Account and later events are read by one statement, and so as of one moment: whatever the sequencer commits meanwhile, an
event is in the one or among the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.db import admission, people
from app.db.session import Question, ask, bytea_array, integer
from app.db.state import LoadedEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.db.people import Citizen
    from app.db.session import Connection

# What the shown block has settled is in the account as it shows it: only events admitted later are looked up.
# Where no account can be opened, all of them are.
_LOOK = """
    SELECT n.number, w.tag, c.id, coalesce(v.key, ''), coalesce(v.vrf_proof, ''), k.wrapped, a.block, a.sealed, e.first_index,
        e.batch, e.position, e.commitment, s.sealed
    FROM (SELECT coalesce(max(block), -1) AS number FROM shown) AS n CROSS JOIN unnest($1::bytea[]) AS w (tag)
    LEFT JOIN settled AS u ON u.block = n.number
    CROSS JOIN LATERAL (SELECT citizen AS id FROM enrolments WHERE tag = w.tag OFFSET 0) AS c
    LEFT JOIN LATERAL (SELECT key, vrf_proof FROM citizens WHERE id = c.id OFFSET 0) AS v ON true
    LEFT JOIN LATERAL (SELECT wrapped FROM citizen_keys WHERE citizen = c.id OFFSET 0) AS k ON true
    LEFT JOIN LATERAL (
        SELECT v.block, b.sealed FROM (SELECT block FROM accounts WHERE citizen = c.id AND block <= n.number
            ORDER BY block DESC LIMIT 1) AS v
        CROSS JOIN LATERAL (SELECT sealed FROM account_bodies WHERE citizen = c.id AND block = v.block LIMIT 1) AS b
        ) AS a ON true
    LEFT JOIN LATERAL (
        SELECT p.first_index, o.batch, o.position, o.commitment
        FROM (SELECT batch, position, commitment FROM events
            WHERE citizen = c.id AND batch > CASE WHEN a.block IS NULL THEN 0 ELSE coalesce(u.admission, 0) END OFFSET 0) AS o
        LEFT JOIN LATERAL (SELECT first_index, block FROM placements WHERE admission = o.batch LIMIT 1) AS p ON true
        WHERE p.block IS NULL OR p.block > coalesce(a.block, -1) OFFSET 0) AS e ON true
    LEFT JOIN LATERAL (
        SELECT sealed FROM event_bodies WHERE batch = e.batch AND position = e.position LIMIT 1) AS s ON true"""
_UNPLACED = 2**63 - 1


@dataclass(slots=True)
class Standing:
    """A citizen, (block that wrote it, sealed body) of the account that readers are shown, and the admitted events that it
    does not hold, in log order.
    """

    citizen: Citizen
    account: tuple[int, bytes] | None
    behind: list[LoadedEvent] = field(default_factory=list)


def begin(
    connection: Connection, names: Sequence[tuple[str, str]]
) -> tuple[int, dict[tuple[str, str], admission.Admitted], int]:
    """Hold citizens' keys as `people.hold_keys` does, with the number that it gives; `admission.admitted` of these names;
    `admission.newest_notice`.
    """
    questions = (*people.holding_keys(), admission.asking_admitted(names), admission.NEWEST_NOTICE)
    _, number, known, notice = ask(connection, *questions)
    return people.keys_held(number), admission.read_admitted(known), integer(notice[0][0])


def look(
    connection: Connection, tags: Collection[bytes], *locks: Question
) -> tuple[int, dict[bytes, Standing]]:
    """The number of the block that readers are shown (-1 for none, or when nobody is found), and by tag those of
    `tags` that have a file. `locks` are taken first.
    """
    *_, rows = ask(connection, *locks, Question(_LOOK, [bytea_array(tags)]))
    found: dict[bytes, Standing] = {}
    behind: dict[bytes, list[tuple[int, LoadedEvent]]] = {}
    for (
        _,
        tag,
        citizen,
        key,
        vrf_proof,
        wrapped,
        block,
        sealed,
        index,
        batch,
        position,
        commitment,
        body,
    ) in rows:
        assert tag is not None and key is not None and vrf_proof is not None, "never null"  # noqa: PT018
        if tag not in found:
            account = None if block is None or sealed is None else (integer(block), sealed)
            found[tag] = Standing(people.Citizen(integer(citizen), key, vrf_proof, wrapped), account)
            behind[tag] = []
        if batch is not None:
            assert commitment is not None, "never null"
            event = LoadedEvent(integer(citizen), integer(batch), integer(position), commitment, body)
            behind[tag].append((_UNPLACED if index is None else integer(index), event))
    for tag, events in behind.items():
        events.sort(key=lambda each: (each[0], each[1].batch, each[1].position))
        found[tag].behind = [event for _, event in events]
    return (integer(rows[0][0]) if rows else -1), found
