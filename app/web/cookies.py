"""The signed session cookie, opened only where people are: programs have none, and the hot path should not look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask.sessions import NullSession, SecureCookieSessionInterface

from app.web.errors import MACHINE_PATHS

if TYPE_CHECKING:
    from flask import Flask, Request
    from flask.sessions import SecureCookieSession


class PeopleSessions(SecureCookieSessionInterface):
    """Flask's own sessions, but none under the paths for machines."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(MACHINE_PATHS):
            return NullSession()
        return super().open_session(app, request)
