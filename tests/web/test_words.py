"""Words and numbers: every type and value of the closed set has a name, every text a translation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "app" / "web"


def test_every_event_type_has_a_name():
    from app.core.reporting.event_types import EVENT_TYPES
    from app.web.words import TYPES

    assert set(TYPES) == set(EVENT_TYPES)


def test_every_field_is_shown_somewhere():
    """With a label, or under its own name behind the seal; the common ones stand in the title. Of an assertion both is
    shown: that there is one, in words, and its bytes.
    """
    from app.core.reporting.event_base import COMMON_FIELDS
    from app.core.reporting.event_types import FIELDS_BY_TYPE
    from app.web import words

    for kind, names in FIELDS_BY_TYPE.items():
        for name in names - set(COMMON_FIELDS) - {"currency", "assertion"}:
            assert (name in words.FIELDS) != bool(words.unnamed({name: "x"})), (kind, name)
    assert "assertion" in words.FIELDS
    assert words.unnamed({"assertion": {"signature": "x"}})


CATALOGS = sorted(WEB.glob("translations/*/zh_Hans/LC_MESSAGES/messages.po"))


def read(path):
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def test_every_text_is_translated_and_none_is_left_over():
    from babel.messages.extract import extract_from_dir

    marked = {
        message
        for _, _, message, _, _ in extract_from_dir(
            WEB,
            [("**.py", "python"), ("templates/**.html", "jinja2")],
            keywords={"_": None, "gettext": None, "N_": None},
        )
    }
    translated = [message for path in CATALOGS for message in read(path) if message.id]
    assert marked == {message.id for message in translated}
    assert all(message.string and not message.fuzzy for message in translated)


def test_a_text_has_one_translation():
    said = {}
    for path in CATALOGS:
        for message in read(path):
            assert said.setdefault(message.id, message.string) == message.string or not message.id, path


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-4])
def test_the_compiled_catalog_is_the_written_one(path):
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, read(path))
    assert path.with_suffix(".mo").read_bytes() == compiled.getvalue(), "make translations"


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        ("cn:110101199003071233", "cn:110*************33"),
        ("uci:1", "uci:***1"),
        ("uci:12345", "uci:***45"),
        ("uci:999999999", "uci:*******99"),
    ],
)
def test_identifiers_are_masked(identifier, shown):
    from app.web.words import mask

    assert mask(identifier) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "en", "zh"),
    [
        (391_300, "TWD", "NT$3,913.00", "NT$3,913.00"),
        (5, "CNY", "CN¥0.05", "¥0.05"),
        (1234, "JPY", "¥1,234", "JP¥1,234"),
        (-50, "EUR", "-€0.50", "-€0.50"),
        (5, "IRR", "IRR0.05", "IRR0.05"),
        (1234, "KWD", "KWD1.234", "KWD1.234"),
    ],
)
def test_money_is_written_with_its_own_decimals(app, amount, currency, en, zh):
    from app.web.language import format_money

    for code, wanted in (("en", en), ("zh", zh)):
        with app.test_request_context(headers={"Cookie": f"lang={code}"}):
            assert format_money(amount, currency) == wanted


def test_bundles_are_found_as_the_log_serves_them():
    from app.core.log.tiles import ENTRIES, parse_tile_path
    from app.web.words import entries_path

    for size in (1, 255, 256, 257, 70_000, 300_000_000):
        for index in {0, size // 2, size - 1}:
            tile = parse_tile_path(entries_path(index, size).removeprefix("/"))
            assert tile.level == ENTRIES
            assert tile.index == index // 256
            assert tile.width == min(256, size - 256 * tile.index)


def test_the_scale_keeps_the_mark_inside():
    from app.web.chart import LEFT, RIGHT, scale

    for score in range(300, 851):
        drawn = scale(score)
        assert LEFT <= drawn.at <= RIGHT
    assert (scale(300).at, scale(850).at) == (LEFT, RIGHT)


def test_a_range_credential_is_not_said_to_have_shown_the_score(app):
    from app.web import words

    fields = {"recipient": "bank.demo", "score": 802}
    with app.test_request_context():
        assert ("Score shown", "802") in words.describe(fields)
        given = fields | {"context": "0" * 64, "credential": "A" * 43}
        assert [label for label, _ in words.describe(given)] == [
            "For whom alone",
            "Your score, which the credential does not show",
        ]
        assert words.type_name("answer", given) != words.type_name("answer", fields) == "Answer to an inquiry"
        assert words.type_name("passkey_added", {"credential": "AAAA"}) == "Passkey added"


def test_what_the_citizen_is_told_has_words_for_others_too():
    """Every text that speaks to the citizen, and no other."""
    from app.web import words

    said = {
        *words.TYPES.values(),
        *words.FIELDS.values(),
        *words.VALUES.values(),
        *words.CREDENTIAL_FIELDS.values(),
    }
    spoken_to = {each for each in said if {"you", "your"} & set(each.lower().replace(",", "").split())}
    assert spoken_to <= words.TO_OTHERS.keys()
    for text in words.TO_OTHERS.values():
        assert not {"you", "your"} & set(text.lower().split())


def test_every_rule_that_refuses_a_line_has_plain_words():
    """The rules as they stand in the code: `LineProblem(line, "R4", ...)`, `Refusal("day", ...)`."""
    from app.web.plain_words import BY_RULE

    code = "\n".join(path.read_text(encoding="utf-8") for path in WEB.parent.rglob("*.py"))
    found = set(re.findall(r'(?:LineProblem\([^"()]*(?:\([^()]*\))?[^"()]*|Refusal\(\s*)"([\w-]+)"', code))
    assert {"R1", "R4", "R5", "R6", "R7", "R8", "R15", "R27", "R28", "R40", "day", "format", "limit"} <= found
    assert found <= BY_RULE.keys()


def test_a_refusal_has_plain_words_in_the_readers_language_or_its_own(app):
    from app.core.errors import LineProblem, RuleError
    from app.web.plain_words import BY_RULE, plain

    destroyed = RuleError("no", problems=(LineProblem(2, "R27", "target 17 was destroyed"),) * 2)
    both = RuleError("no", problems=(LineProblem(2, "R27", "x"), LineProblem(3, "R99", "y")))
    for language, wanted in (
        ("en", BY_RULE["R27"]),
        ("zh", "所涉及的记录在此期间已被移除或销毁，或者不能提出异议。"),
    ):
        with app.test_request_context(headers={"Cookie": f"lang={language}"}):
            assert plain(destroyed) == wanted
            assert plain(both) is None, "half of it would mislead"
            assert plain(RuleError("no", code="something-rare")) is None
