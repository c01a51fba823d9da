"""Flask as this service uses it: nothing here is a coroutine, and a request's clock starts before all hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, request

from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable


class Application(Flask):
    """Flask with short ways."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Flask looks at every view and hook, at every call, for coroutines; there are none."""
        return func

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """For ever when the address changes with the content; else a browser asks each time (modules of modules)."""
        known = "v" in request.args or (filename or "").startswith("vendor/")
        return super().get_send_file_max_age(filename) if known else None

    def preprocess_request(self) -> Any:
        logs.begin()
        return super().preprocess_request()
