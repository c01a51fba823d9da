"""How often one address may knock. Counted in the memory of each worker, so the real limit is this times the
workers: a brake against guessing and flooding. Exact quotas belong in the database. Addresses are counted,
never written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

if TYPE_CHECKING:
    from collections.abc import Callable

View = TypeVar("View", bound="Callable[..., Any]")
limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=True, strategy="fixed-window")
BATCHES_A_MINUTE = "6000 per minute"
AUDITS_A_MINUTE = "20 per minute"
COSIGNATURES_A_MINUTE = "600 per minute"


def limited(rule: str, *, methods: list[str] | None = None) -> Callable[[View], View]:
    """A brake on a view: `rule` is "10 per minute", for requests with these methods, or all."""

    def decorate(view: View) -> View:
        slowed: Any = limiter.limit(rule, methods=methods)(view)
        slowed.is_limited = True
        return cast("View", slowed)

    return decorate


def is_limited(endpoint: str | None) -> bool:
    """Whether the view of an endpoint has a brake."""
    return getattr(current_app.view_functions.get(endpoint or ""), "is_limited", False)


@limiter.request_filter
def _is_unlimited() -> bool:
    """Everything but the few views with a brake: so the hot path does not pay for the search."""
    return not is_limited(request.endpoint)
