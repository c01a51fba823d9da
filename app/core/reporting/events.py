"""Events: from the bytes of a line to a value that keeps every rule which one event can keep or break.

An event is one canonical JSON object on a line of at most 8,192 bytes (wrapped here):

    {"account":"c-1","amount_minor":500,"citizen":"uci:17","currency":"TWD","day":"2026-10-31",
     "furnisher":"bank.example/cards","id":"0192f3b6-7d2a-7000-8000-000000000001",
     "ledger":"credence.example/ledger","nonce":"...43 characters...","type":"payment","v":1}

Half a million of them come at once, so there are two paths. The fast one decodes straight into the class of
the type (an unknown type, an unknown or missing field and a wrong format end it), writes the value again and
compares (so what was not canonical ends it: order, spaces, escapes, null, 1.0, a field twice), and asks the
few remaining questions. A batch in which everything is right takes each of these steps once for all its lines.
Only a line that fails goes the slow way, which finds the first reason that a person can act upon, and its
rule:

    R1                  unknown type or field
    R2, R3              a type or field about what a bureau must not collect
    R5                  negative, but the citizen was not told
    R7                  money that is not an integer of minor units
    origin, furnisher   another ledger's or another furnisher's event
    scheme              a citizen of another scheme, or what only the research scheme takes
    day                 after the day of admission, or against another day of the event
    format              anything else against formats.md section 2

R4, R6 and R8 need keys, ids and earlier events: they are judged where those are.

Source: formats.md section 2; RFC 8785; RFC 9562 section 5.7.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, Union, cast, get_args, get_origin

import msgspec
import orjson

from app.core import canon
from app.core.errors import CredenceError, FormatError, LineProblem, RuleError
from app.core.field_types import B64URL, CURRENCY, HASH, NAME, NONCE, REF, TEXT, UUID7
from app.core.months import LAST_DAY
from app.core.reporting.event_base import COMMON_FIELDS, Assertion, Refusal, Told, is_day
from app.core.reporting.event_base import Event as Event  # noqa: PLC0414 - part of this module's face, like the types
from app.core.reporting.event_base import Header as Header  # noqa: PLC0414
from app.core.reporting.event_columns import common_fields_hold
from app.core.reporting.event_types import *  # noqa: F403
from app.core.reporting.event_types import CLASS_BY_TYPE, FIELDS_BY_TYPE, Correction, Retraction
from app.core.reporting.identifiers import check_identifier
from app.core.reporting.sensitive import sensitive_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_BYTES_MAX: Final = 8192
PROBLEMS_MAX: Final = 10
_LINES_AT_A_TIME: Final = 512

_decoder: Final = msgspec.json.Decoder(Union[tuple(CLASS_BY_TYPE.values())])  # noqa: UP007 - dynamic
_encoder: Final = msgspec.json.Encoder(order="sorted")
_decode: Final = _decoder.decode
_encode: Final = _encoder.encode
_is_uuid7: Final = re.compile(UUID7).match
_is_nonce: Final = re.compile(NONCE).match
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)

_WORDS: Final = {
    REF: "a ref: 1 to 64 characters of A-Z a-z 0-9 . _ -",
    NAME: "a name: 1 to 100 characters of a-z 0-9 . - /",
    CURRENCY: "a currency: three capitals (ISO 4217)",
    UUID7: "a UUID version 7 in lower case",
    HASH: "a hash: 64 lower-case hex digits",
    TEXT: "a text: 1 to 1,000 characters, no control characters but newline",
    B64URL % 1023: "1 to 1,023 characters of unpadded base64url",
    B64URL % 4096: "1 to 4,096 characters of unpadded base64url",
}


def decode_event(line: bytes, header: Header) -> Event:
    """The event of a line, without its newline.

    RuleError when a rule refuses it, with the rule in small letters as its `code` (`r1`, `r5`, `day`, ...);
    FormatError when it is not what the format says.
    """
    event, refusal = _judge(line, header)
    if refusal is None:
        return cast("Event", event)
    if refusal.rule == "format":
        raise FormatError(refusal.detail)
    raise RuleError(f"{refusal.rule}: {refusal.detail}", code=refusal.rule.lower())


def decode_events(lines: list[bytes], header: Header) -> tuple[list[Event], list[LineProblem]]:
    """(the good events, what is wrong with the others) of a batch's event lines, the first of which is line
    2.

    It stops at the tenth problem. About 3 microseconds an event.
    """
    # a single line is judged as such: in less time than as a batch of one
    good = _all_good(lines, header) if len(lines) > 1 else None
    if good is not None:
        return good, []
    events: list[Event] = []
    problems: list[LineProblem] = []
    for number, line in enumerate(lines, 2):
        event, refusal = _judge(line, header)
        if refusal is None:
            events.append(cast("Event", event))
            continue
        problems.append(LineProblem(number, refusal.rule, refusal.detail))
        if len(problems) == PROBLEMS_MAX:
            break
    return events, problems


def _all_good(lines: list[bytes], header: Header) -> list[Event] | None:
    """The events of lines with which nothing at all is wrong; None says that one of them has to be explained.

    Some at a time: the steps follow each other while the processor has the events at hand, which is a quarter less work.
    """
    events: list[Event] = []
    for start in range(0, len(lines), _LINES_AT_A_TIME):
        good = _some_good(lines[start : start + _LINES_AT_A_TIME], header)
        if good is None:
            return None
        events += good
    return events or None


def _some_good(lines: list[bytes], header: Header) -> list[Event] | None:
    text = b"\n".join([*lines, b""])
    try:
        events: list[Event] = _decoder.decode_lines(text)
    except _UNREADABLE:
        return None
    # As many events as lines, and each is written as it was read: so none spans two lines, or shares one.
    if len(events) != len(lines) or _encoder.encode_lines(events) != text:
        return None
    if not events or max(map(len, lines)) > LINE_BYTES_MAX or not common_fields_hold(events, header):
        return None
    if any(type(event) is Correction or event.refusal(header) is not None for event in events):
        return None
    return events


def encode_event(event: Event) -> bytes:
    """The canonical line of an event, without newline: for whoever makes events. Nothing is checked."""
    return _encode(event)


def decode_corrected(target: Event, correction: Correction, *, admission_day: str = LAST_DAY) -> Event:
    """What `target` would have been, had it been reported as `correction.fields` says.

    It has the target's type, citizen, id and nonce, and keeps all rules of its type; `notified_on` may not be
    after `admission_day`, the local day on which the correction was admitted. RuleError or FormatError when
    it does not.
    """
    if isinstance(target, Correction | Retraction):
        raise RuleError(
            "a correction names the event itself, not another correction or retraction", code="target"
        )
    if (target.furnisher, target.ledger) != (correction.furnisher, correction.ledger):
        raise RuleError("a correction comes from the furnisher of its target", code="furnisher")
    if target.citizen != correction.citizen:
        raise RuleError("a correction never changes the citizen: retract and report anew", code="target")
    fields: dict[str, Any] = dict(correction.fields)
    for name in COMMON_FIELDS:
        if name != "day":
            fields[name] = getattr(target, name)
    scheme = target.citizen.partition(":")[0]
    return decode_event(canon.encode(fields), Header(target.ledger, target.furnisher, scheme, admission_day))


def decode_stored(line: bytes) -> Event:
    """The event of a line that was admitted before: only its form is checked (FormatError)."""
    try:
        return cast("Event", _decode(line))
    except _UNREADABLE as error:
        raise FormatError(f"a stored event is damaged: {error}") from None


def line_and_event(line: bytes) -> tuple[bytes, Event]:
    """`decode_stored` for who needs the line as well."""
    return line, decode_stored(line)


def any_of(events: Iterable[Event], kinds: Iterable[type[Event]]) -> bool:
    """Whether one of these events is of these types. Most batches have none of the types that need a second look, and this
    sees it in a tenth of the time that looking at each takes.
    """
    return not set(map(type, events)).isdisjoint(kinds)


def type_of(event: Event) -> str:
    """The event's `type`, as in formats.md section 2."""
    return event.type


def is_negative(event: Event) -> bool:
    """Whether the event speaks against the citizen (R5)."""
    return event.negative


def _judge(line: bytes, header: Header) -> tuple[Event | None, Refusal | None]:
    """(event, None) or (None or the event, why it is refused)."""
    try:
        event: Event = _decode(line)
    except _UNREADABLE as error:
        return None, _explain(line, str(error))
    if _encode(event) != line or len(line) > LINE_BYTES_MAX:
        return None, _explain(line, "")
    if isinstance(event, Correction):
        refusal = _fields_refusal(event.fields)
        if refusal is not None:
            return event, refusal
    return event, _common_refusal(event, header) or event.refusal(header)


def _common_refusal(event: Event, header: Header) -> Refusal | None:
    """What is wrong with the common fields, given that they are text."""
    if event.ledger != header.origin:
        return Refusal(
            "origin", "`ledger` is not the origin in the batch's note: the event is for another ledger"
        )
    if event.furnisher != header.furnisher:
        return Refusal(
            "furnisher", "`furnisher` is not the furnisher in the batch's note: the event is another's"
        )
    if _is_uuid7(event.id) is None:
        return Refusal("format", f"`id` is not {_WORDS[UUID7]}")
    if _is_nonce(event.nonce) is None:
        return Refusal("format", "`nonce` is not 32 bytes as 43 characters of unpadded base64url")
    if not is_day(event.day):
        return Refusal("format", "`day` is not a day YYYY-MM-DD from 1900-01-01 to 2199-12-31")
    if event.day > header.admission_day:
        return Refusal("day", "`day` is after the day of admission")
    try:
        check_identifier(header.scheme, event.citizen)
    except FormatError as error:
        return Refusal("scheme", f"`citizen`: {error.detail}")
    return None


# ---- the slow path: why a line is none of our events
# ---------------------------------------------------------


def _explain(line: bytes, decoder_says: str) -> Refusal:
    """The first reason that a person can act upon why the fast path refused the line."""
    if len(line) > LINE_BYTES_MAX:
        return Refusal("format", f"the line has {len(line)} bytes, more than {LINE_BYTES_MAX}")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Refusal("format", f"the line is not JSON in UTF-8: {error}")
    if not isinstance(value, dict):
        return Refusal("format", "the line is not a JSON object")
    refusal = _type_refusal(value) or _money_refusal(value)
    if refusal is not None:
        return refusal
    try:
        canon.decode(line)
    except CredenceError as error:
        return Refusal("format", error.detail)
    return _missing_refusal(value) or Refusal("format", _in_words(decoder_says, CLASS_BY_TYPE[value["type"]]))


def _type_refusal(value: dict[str, Any]) -> Refusal | None:
    """R1, R2, R3: an unknown type, or a field that the type does not have."""
    kind = value.get("type")
    if not isinstance(kind, str):
        return Refusal("R1", "`type` is missing or not text")
    if kind not in CLASS_BY_TYPE:
        return _sensitive_refusal("type", kind) or Refusal("R1", f"the type {_shown(kind)} is unknown")
    refusal = _unknown_refusal(value, FIELDS_BY_TYPE[kind], f"`{kind}`")
    if refusal is not None:
        return refusal
    assertion, fields = value.get("assertion"), value.get("fields")
    if isinstance(assertion, dict):
        return _unknown_refusal(assertion, frozenset(Assertion.__struct_fields__), "an assertion")
    return _fields_refusal(fields) if isinstance(fields, dict) else None


_ANY_FIELD: Final = frozenset[str]().union(*FIELDS_BY_TYPE.values())


def _fields_refusal(fields: dict[str, Any]) -> Refusal | None:
    """What can be said of a correction's `fields` before its target is known: names, money, characters."""
    refusal = _unknown_refusal(fields, _ANY_FIELD, "an event") or _money_refusal(fields)
    if refusal is not None:
        return refusal
    try:
        written = canon.encode(fields)
    except FormatError as error:
        return Refusal("format", f"`fields`: {error.detail}")
    # JSON writes each control character as an escape, save U+007F to U+009F
    if re.search(rb"\\[bfrtu]|\x7f|\xc2[\x80-\x9f]", written.replace(rb"\\", b"")):
        return Refusal("format", "`fields` has a control character")
    return None


def _unknown_refusal(value: dict[str, Any], known: frozenset[str], whose: str) -> Refusal | None:
    unknown = [name for name in value if name not in known]
    for name in unknown:
        refusal = _sensitive_refusal("field", name)
        if refusal is not None:
            return refusal
    return Refusal("R1", f"{whose} has no field {_shown(unknown[0])}") if unknown else None


def _sensitive_refusal(what: str, name: str) -> Refusal | None:
    topic = sensitive_topic(name)
    if topic is None:
        return None
    return Refusal(
        topic.rule, f"the {what} {_shown(name)} is about {topic.topic}, which {topic.article} forbids"
    )


def _money_refusal(value: dict[str, Any]) -> Refusal | None:
    """R7: a field of money that holds anything but an integer, or more than 10**15."""
    for name, amount in value.items():
        if name.endswith("_minor") and not (type(amount) is int and abs(amount) <= 10**15):
            return Refusal("R7", f"`{name}` is not an integer of minor units within 10^15")
    return None


def _missing_refusal(value: dict[str, Any]) -> Refusal | None:
    """R5 for a missing notice; the name of any other required field that is missing."""
    cls = CLASS_BY_TYPE[value["type"]]
    fields = msgspec.structs.fields(cls)
    missing = [f.encode_name for f in fields if f.required and f.encode_name not in value]
    if not missing:
        return None
    if issubclass(cls, Told) and missing[0] in {"notified_on", "notified_by"}:
        return Refusal(
            "R5",
            f"`{missing[0]}` is missing: the citizen is told before a negative event (Decree 631 art. 15)",
        )
    return Refusal("format", f"`{missing[0]}` is missing")


def _in_words(decoder_says: str, cls: type[Event]) -> str:
    """The decoder's sentence, with the field first, and with words for our patterns and closed lists."""
    what, _, place = decoder_says.partition(" - at `$.")
    if what.startswith("Invalid enum value"):
        what += _choices(cls, re.split(r"[`\[.]", place)[0])
    for pattern, words in _WORDS.items():
        what = what.replace(f"`str` matching regex {pattern!r}", words)
    what = _clipped(what)
    return (
        f"`{_clipped(place.rstrip('`'))}`: {what}" if place else what or "the line is not in canonical form"
    )


def _choices(cls: type[Event], name: str) -> str:
    """`, not one of ...`: the closed list of a field."""
    hints = [each.type for each in msgspec.structs.fields(cls) if each.encode_name == name]
    # The list may stand within others: Optional[Literal[...]], Annotated[tuple[Literal[...], ...], Meta(...)].
    while hints and get_origin(hints[-1]) is not Literal:
        hints[-1:] = get_args(hints[-1])
    return f", not one of {', '.join(map(str, get_args(hints[-1])))}" if hints else ""


def _clipped(text: str) -> str:
    """A sentence that may quote the sender, in at most 200 printable characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:200])


def _shown(name: str) -> str:
    """A name of the sender's, made harmless for messages and logs."""
    return ascii(name[:64])
