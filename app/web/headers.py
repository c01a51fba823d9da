"""Security headers, all of them in one place.

Pages get a content security policy with a fresh nonce: scripts run only when they carry it, styles come from
our own files only, nothing is fetched, framed or sent elsewhere. A page that fetches proofs to verify them in the browser
says so (`allow_fetching`), and may then ask this server and nobody else. Everything else (JSON, tiles, metrics) may
do nothing at all in a browser. HSTS only when the service is reached over https, because a browser remembers
it. Sources: CSP Level 3, RFC 6797, the Fetch standard's CORP.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Response, g

if TYPE_CHECKING:
    from flask import Flask

COMMON = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
MACHINE_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HSTS = "max-age=31536000; includeSubDomains"


def nonce() -> str:
    """The nonce of this request, made when a page first asks for it: 128 random bits."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    value: str = g.csp_nonce
    return value


def allow_fetching() -> None:
    """The page of this request may fetch from this server."""
    g.csp_fetches = True


def for_machines(*, https: bool) -> list[tuple[str, str]]:
    """What `register` adds to an answer that is no page, and sets no such header itself."""
    policies = [("Content-Security-Policy", MACHINE_POLICY), ("Cross-Origin-Resource-Policy", "same-origin")]
    return [*COMMON, *policies, *([("Strict-Transport-Security", HSTS)] if https else [])]


def keep_private(response: Response) -> Response:
    """For `after_request`: nobody keeps an answer to one person, whatever it is."""
    response.headers["Cache-Control"] = "no-store"
    return response


def attachment(name: str, content_type: str) -> list[tuple[str, str]]:
    """Of an answer that becomes a file of this name."""
    return [("Content-Disposition", f'attachment; filename="{name}"'), ("Content-Type", content_type)]


def register(app: Flask, *, https: bool) -> None:
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.extend(COMMON)  # of which no view sets any
        is_page = response.mimetype == "text/html"
        policy = PAGE_POLICY.format(nonce=nonce()) if is_page else MACHINE_POLICY
        if is_page and g.get("csp_fetches", False):
            policy += "; connect-src 'self'"
        headers.add("Content-Security-Policy", policy)
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if is_page:
            # The language follows a cookie and a header, and a record is nobody else's business.
            headers.setdefault("Cache-Control", "no-store")
            headers["Vary"] = "Cookie, Accept-Language"
        if https:
            headers["Strict-Transport-Security"] = HSTS
        return response

    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = nonce
