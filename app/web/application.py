"""Flask as this service uses it: nothing here is a coroutine, and the hottest endpoints skip hooks that are not for them.

Extensions hook themselves in front of every request (CSRF, rate limits) and find out there that this one has no form and no
limit. For a request that takes a fifth of a millisecond this is a third of the work, so the endpoints in HOT pass by.
What follows an answer (security headers, the log, cookies) is for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Flask, request

from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable

HOT: Final = frozenset({"record.score_proof", "api.post_inquiry"})
"""Endpoints without a form of their own and without a limit. A test holds them against CSRF and `limits.LIMITED`."""


class Application(Flask):
    """Flask with short ways."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Flask looks at every view and hook, at every call, for coroutines; there are none."""
        return func

    def preprocess_request(self) -> Any:
        logs.begin()
        return None if request.endpoint in HOT else super().preprocess_request()
