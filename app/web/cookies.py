"""The signed session cookie, opened only where people are: programs have none, and the hot path should not look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask.sessions import NullSession, SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug.http import parse_cookie

from app.web.errors import MACHINE_PATHS

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def read(self, app: Flask, cookies: str) -> Mapping[str, Any]:
        """What the session holds that a request's `Cookie` header brings; nothing when it is not of our making."""
        serializer = self.get_signing_serializer(app)
        value = parse_cookie(cookies).get(self.get_cookie_name(app))
        if serializer is None or not value:
            return {}
        try:
            held: Mapping[str, Any] = serializer.loads(
                value, max_age=int(app.permanent_session_lifetime.total_seconds())
            )
        except BadSignature:
            return {}
        return held

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(MACHINE_PATHS):
            return NullSession()
        return super().open_session(app, request)
