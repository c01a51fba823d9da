"""Flask as this service uses it: nothing here is a coroutine, and a request's clock starts before all hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask

from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable


class Application(Flask):
    """Flask with short ways."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Flask looks at every view and hook, at every call, for coroutines; there are none."""
        return func

    def preprocess_request(self) -> Any:
        logs.begin()
        return super().preprocess_request()
