"""The signed session cookie, opened only where people are: programs have none, and the hot path should not look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask.sessions import NullSession, SecureCookieSessionInterface

from app.web.errors import MACHINE_PATHS

if TYPE_CHECKING:
    from flask import Flask, Request
    from flask.sessions import SecureCookieSession
    from itsdangerous import URLSafeTimedSerializer


class PeopleSessions(SecureCookieSessionInterface):
    """Flask's own sessions, but none under the paths for machines, and one serializer for all of them."""

    def __init__(self) -> None:
        self._serializers: dict[object, URLSafeTimedSerializer | None] = {}

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        key = app.secret_key
        if key not in self._serializers:
            self._serializers[key] = super().get_signing_serializer(app)
        return self._serializers[key]

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(MACHINE_PATHS):
            return NullSession()
        return super().open_session(app, request)
