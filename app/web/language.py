"""Which language a page speaks: English or simplified Chinese.

The choice is a cookie `lang` set by the switch in the header, else what the browser asks for, else English.
The address never carries it, so nothing about a reader gets into logs or links. Texts are marked with `_()`
in templates and views, and with `N_()` in tables that are translated where they are used.

`translations/` has a folder for each area of pages, which holds its texts as a .po file and, committed, the compiled .mo
file (`make translations` compiles them all). A test says which texts are in none, and which are in a catalogue for nothing.
"""

from __future__ import annotations

from copy import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date as babel_format_date
from babel.dates import format_datetime
from babel.numbers import format_decimal
from flask import g, has_request_context, request
from flask_babel import Babel

from app.core.money import decimals_of
from app.web.state import bureau

if TYPE_CHECKING:
    from flask import Flask

# Our code for a language: Babel's locale, the `lang` attribute, the language's own name.
LANGUAGES = {
    "zh": ("zh_Hans", "zh-Hans", "中文"),
    "en": ("en", "en", "English"),
}
COOKIE = "lang"
DEFAULT = "en"
CATALOGS = Path(__file__).parent / "translations"


def N_(text: str) -> str:  # noqa: N802 - gettext's usual name for "translated elsewhere"
    """Marks a text of a table for extraction and gives it back unchanged."""
    return text


def code() -> str:
    """`zh` or `en`, for this request."""
    if not has_request_context():
        return DEFAULT
    chosen: str | None = g.get("language")
    if chosen is None:
        chosen = request.cookies.get(COOKIE, "")
        if chosen not in LANGUAGES:
            asked = request.accept_languages.best_match(["en", "zh-Hans", "zh-CN", "zh"], default=DEFAULT)
            chosen = "zh" if asked.startswith("zh") else "en"
        g.language = chosen
    return chosen


def text_language() -> str:
    """`zh-Hans` or `en`: how the texts of `app.core` name it."""
    return LANGUAGES[code()][1]


def locale() -> Locale:
    return Locale.parse(LANGUAGES[code()][0])


def format_number(value: int) -> str:
    return format_decimal(value, locale=locale())


def format_day(day: str | date) -> str:
    """A day as people write it: 2 November 2026, 2026年11月2日."""
    value = date.fromisoformat(day) if isinstance(day, str) else day
    return babel_format_date(
        value, format="yyyy年M月d日" if code() == "zh" else "d MMMM yyyy", locale=locale()
    )


def format_month(month: str) -> str:
    """`2026-11` as November 2026, 2026年11月."""
    value = date.fromisoformat(f"{month}-01")
    return babel_format_date(value, format="yyyy年M月" if code() == "zh" else "MMMM yyyy", locale=locale())


def format_instant(moment: datetime, utc_offset_minutes: int) -> str:
    """A moment in the ledger's local time, with the offset written out, because readers sit elsewhere too."""
    local = moment.replace(tzinfo=None) + timedelta(minutes=utc_offset_minutes)
    text = format_datetime(
        local, "yyyy年M月d日 HH:mm:ss" if code() == "zh" else "d MMMM yyyy, HH:mm:ss", locale=locale()
    )
    sign = "-" if utc_offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(utc_offset_minutes), 60)
    return f"{text} (UTC{sign}{hours}:{minutes:02d})" if utc_offset_minutes else f"{text} (UTC)"


def instant(moment: datetime) -> str:
    """`format_instant` for the ledger that this process serves."""
    return format_instant(moment, bureau().genesis.utc_offset_minutes)


def format_money(amount_minor: int, currency: str) -> str:
    """Integer minor units as money. Decimals are those of ISO 4217: Babel's tell how much people write of an amount."""
    digits = decimals_of(currency)
    pattern = copy(locale().currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return str(
        pattern.apply(
            Decimal(amount_minor).scaleb(-digits), locale(), currency=currency, currency_digits=False
        )
    )


def areas() -> list[str]:
    """The catalogues, by name."""
    return sorted(each.name for each in CATALOGS.iterdir() if each.is_dir())


def register(app: Flask) -> None:
    Babel(
        app,
        default_locale="en",
        default_translation_directories=";".join(f"translations/{area}" for area in areas()),
        locale_selector=lambda: LANGUAGES[code()][0],
    )
    app.jinja_env.globals.update(language_code=code, LANGUAGES=LANGUAGES)
    app.jinja_env.filters.update(number=format_number, day=format_day, month=format_month, money=format_money)
