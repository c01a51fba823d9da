"""Any bytes give a value or one of our own errors, and what is accepted is canonical to its last byte."""

import contextlib

import msgspec
import orjson
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import CredenceError, LineProblem
from app.core.log import entries, notices
from app.core.log.block import Block
from app.core.log.register import Register
from app.core.reporting import batch, events
from app.core.reporting.receipt import Receipt
from tests.core import test_block, test_notices, test_receipt
from tests.core.event_samples import ALL, HEADER, line
from tests.core.test_batch import BODY, LINES

FEW = settings(max_examples=150, deadline=None)
MANY = settings(max_examples=400, deadline=None)

PARSERS = [
    (lambda raw: events.decode_event(raw, HEADER), events.encode_event, LINES),
    (notices.decode, notices.encode, [notices.encode(n) for n in test_notices.ONE_OF_EACH]),
    (Block.parse, Block.encode, [test_block.BLOCK.encode()]),
    (Receipt.parse, Receipt.text, [test_receipt.TEXT]),
    (batch.BatchNote.parse, batch.BatchNote.text, [batch.parse_batch(BODY).header.text()]),
]

keys = st.sampled_from(sorted({name for event in ALL for name in event})) | st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20) | st.sampled_from([v for e in ALL for v in e.values()]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@st.composite
def mutated(draw, samples):
    """A valid text with a few bytes cut, doubled, inserted or changed."""
    raw = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        length = draw(st.integers(0, 6))
        new = draw(
            st.binary(max_size=4)
            | st.sampled_from(
                [b'"', b"\\", b",", b"null", b"1.0", b"\n", b" ", b"{}", b"\\u0000", raw[at : at + 20]]
            )
        )
        raw = raw[:at] + new + raw[at + length :]
    return raw


def holds(parse, write, raw):
    with contextlib.suppress(CredenceError):
        value = parse(raw)
        assert write(value) == raw


@MANY
@given(st.binary(max_size=400))
def test_any_bytes(raw):
    for parse, write, _ in PARSERS:
        holds(parse, write, raw)
    for parse in (batch.parse_batch, entries.parse_entry, events.decode_stored):
        with contextlib.suppress(CredenceError):
            parse(raw)


@MANY
@given(st.data())
def test_mutated_texts(data):
    parse, write, samples = data.draw(st.sampled_from(PARSERS))
    holds(parse, write, data.draw(mutated(samples)))


@MANY
@given(mutated(LINES))
def test_what_is_accepted_is_canonical(raw):
    """Our fast comparison agrees with the slow one, and a refusal always says something."""
    decoded, problems = events.decode_events([raw], HEADER)
    assert len(decoded) + len(problems) == 1
    if decoded:
        assert rfc8785.dumps(canon.decode(raw)) == raw
    else:
        (problem,) = problems
        assert isinstance(problem, LineProblem)
        assert problem.rule
        assert 10 < len(problem.detail) < 1000
        assert problem.detail.isprintable()


common = st.sampled_from(sorted(events.COMMON_FIELDS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.sampled_from([event[name] for event in ALL]) | st.from_regex(r"[0-9a-f\n]{36,43}") | st.text(),
    )
)


@MANY
@given(st.lists(st.tuples(st.sampled_from(ALL), st.lists(common, max_size=1)), max_size=4), st.data())
def test_a_batch_at_once_is_its_lines_one_by_one(drawn, data):
    """Deciding by columns and deciding by lines is the same, whatever stands in a common field or in a line."""
    lines = [msgspec.json.encode(event | dict(changes), order="sorted") for event, changes in drawn]
    lines += data.draw(st.lists(mutated(LINES), max_size=1))
    good, problems = [], []
    for number, raw in enumerate(lines, 2):
        try:
            good.append(events.decode_event(raw, HEADER))
        except CredenceError:
            problems.append(number)
    decoded, found = events.decode_events(lines, HEADER)
    assert (decoded, [problem.line for problem in found]) == (good, problems)


@MANY
@given(st.sampled_from(ALL), st.dictionaries(keys, values, max_size=3), st.sets(keys, max_size=2))
def test_json_shaped_objects(event, changes, dropped):
    value = {k: v for k, v in (event | changes).items() if k not in dropped}
    raw = msgspec.json.encode(value, order="sorted")
    holds(lambda r: events.decode_event(r, HEADER), events.encode_event, raw)


@FEW
@given(values)
def test_any_json(value):
    raw = msgspec.json.encode(value)
    for parse, write, _ in PARSERS:
        holds(parse, write, raw)


@FEW
@given(st.sampled_from(ALL), st.sampled_from(ALL), st.dictionaries(keys, values, max_size=2))
def test_any_correction_of_any_event(target, other, changes):
    fields = {
        k: v
        for k, v in other.items()
        if k not in ("v", "ledger", "furnisher", "id", "type", "citizen", "nonce")
    } | changes
    correction = {**ALL[0], "type": "correction", "target": 1, "fields": fields}
    correction = {
        k: correction[k]
        for k in ("v", "ledger", "furnisher", "id", "type", "citizen", "nonce", "day", "target", "fields")
    }
    with contextlib.suppress(CredenceError):
        decoded = events.decode_event(msgspec.json.encode(correction, order="sorted"), HEADER)
        value = events.decode_corrected(events.decode_event(line(target), HEADER), decoded)
        assert value.type == target["type"]
        assert events.decode_event(events.encode_event(value), HEADER) == value


@FEW
@given(mutated([BODY]), st.integers(0, len(BODY)))
def test_mutated_and_cut_batches(raw, end):
    for body in (raw, BODY[:end], raw[:end]):
        with contextlib.suppress(CredenceError):
            file = batch.parse_batch(body)
            assert b"\n".join([orjson.dumps({"note": file.note.decode()}), *file.lines, b""]) == body


@FEW
@given(st.lists(st.tuples(st.integers(-1, 12), st.sampled_from(test_notices.ONE_OF_EACH)), max_size=8))
def test_any_notices(pairs):
    with contextlib.suppress(CredenceError):
        register = Register.fold([(0, test_notices.GENESIS), *sorted(pairs, key=lambda pair: pair[0])])
        assert len(register.root()) == 32
