"""Every entry of a citizen's file, and every look at it.

    GET /record/events         what was reported, newest first: who, when, what it is now, its seal, and *verify this*
    GET /record/looks          who looked in the last 24 months (R12), why, and what they were shown

`?show=` narrows the entries to what speaks against the citizen or is in dispute; `?page=` is a number, `?entry=` stands for
the page with that entry of the log. None of them says anything about anybody. *Verify this* fetches the proof of one entry
and checks it in the browser (static/verify); without JavaScript the proof is a file to take to the page that checks proofs.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template, request

from app.core.errors import NotFoundError
from app.core.scoring.profiles import PROFILES
from app.services.citizens import records
from app.services.organisations import audits
from app.web import headers, words
from app.web.citizens.record import not_yet, session_citizen
from app.web.headers import keep_private
from app.web.language import instant, text_language
from app.web.machines.public_log import own_policy_of
from app.web.organisations import notice_words
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.services.citizens.records import Entries, EventView

blueprint = Blueprint("entries", __name__)
blueprint.after_request(keep_private)
ENTRIES_A_PAGE = 30
KINDS: dict[str, Callable[[EventView], bool]] = {
    "all": lambda _: True,
    "negative": lambda item: item.speaks_against,
    "disputed": lambda item: item.state == "disputed",
}


@blueprint.get("/record/events")
def items() -> Response | str:
    try:
        read = records.entries(bureau(), session_citizen())
    except NotFoundError:
        return not_yet()
    kind = request.args.get("show", "all")
    if kind not in KINDS:
        abort(404)
    chosen = [item for item in read.items if KINDS[kind](item)]
    page, page_count = _page(chosen)
    shown = chosen[(page - 1) * ENTRIES_A_PAGE : page * ENTRIES_A_PAGE]
    return render_template(
        "events.html",
        counts={name: sum(map(fits, read.items)) for name, fits in KINDS.items()},
        kind=kind,
        months=_by_month(shown),
        page=page,
        page_count=page_count,
        removed=read.removed,
        can_dispute=True,
        **_sealed(read, shown),
    )


@blueprint.get("/record/looks")
def looks() -> Response | str:
    try:
        read = records.entries(bureau(), session_citizen())
    except NotFoundError:
        return not_yet()
    page, page_count = _page(read.looks)
    shown = read.looks[(page - 1) * ENTRIES_A_PAGE : page * ENTRIES_A_PAGE]
    return render_template(
        "looks.html",
        count=len(read.looks),
        months=_by_month(shown),
        page=page,
        page_count=page_count,
        shown_months=PROFILES[bureau().genesis.profile].inquiry_shown_months,
        score_months=PROFILES[bureau().genesis.profile].inquiry_score_months,
        can_dispute=False,
        audits=_audits(read) if page == 1 else [],
        **_sealed(read, shown),
    )


def _audits(read: Entries) -> list[tuple[str, str]]:
    """(when, what) of each audit whose range has one of these entries (R21)."""
    own = [view.log_index for view in (*read.items, *read.looks) if view.log_index is not None]
    found = audits.over(bureau(), [*own, *(gone.log_index for gone in read.removed)])
    return [(instant(notice_words.moment(each.notice)), notice_words.sentence(each.notice)) for each in found]


def _page(every: list[EventView]) -> tuple[int, int]:
    """(which page is asked for, how many there are); 404 for one that is not there."""
    pages = max(1, -(-len(every) // ENTRIES_A_PAGE))
    entry = request.args.get("entry", type=int)
    page = request.args.get("page", 1, type=int) if entry is None else _page_of(every, entry)
    if not 1 <= page <= pages:
        abort(404)
    return page, pages


def _page_of(every: list[EventView], entry: int) -> int:
    """The page that an entry is on; the first for one that is on none."""
    places = (place for place, each in enumerate(every) if each.log_index == entry)
    return next(places, 0) // ENTRIES_A_PAGE + 1


def _sealed(read: Entries, shown: Iterable[EventView]) -> dict[str, object]:
    """What the seals of these entries say, and what a browser needs to check them."""
    headers.allow_fetching()
    blocks = {view.block for item in shown for view in (item, *item.about) if view.block is not None}
    return {
        "sealed_at": {
            number: instant(made) for number, made in records.block_times(bureau(), blocks).items()
        },
        "tree_size": read.tree_size,
        "words": words,
        "given": {
            "policy": own_policy_of(bureau()).decode(),
            "language": text_language(),
        },
    }


def _by_month(events: list[EventView]) -> list[tuple[str, list[EventView]]]:
    """Events, newest first, under the months of their days."""
    return [(month, list(each)) for month, each in itertools.groupby(events, key=lambda event: event.day[:7])]
