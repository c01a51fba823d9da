"""An identity provider on this machine: OpenID Connect, just as much as a relying party needs, and every lie that it may tell.

with IdentityProvider() as provider:
    provider.person = {"resident_number": "17"}
    provider.lie["nonce"] = "another one"           # any claim of the ID token
    location = provider.authorize(url)               # what the browser gets when the person agrees
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "credence", "a secret of the client's"


class IdentityProvider:
    def __init__(self) -> None:
        self.key = self.signing_key = ECKey.generate_key("P-256", {"kid": "1"})
        self.person: dict[str, object] = {}
        self.lie: dict[str, object] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.away = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()

    def configuration(self) -> dict[str, str]:
        """The relying party's file."""
        return {"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET, "name": "Test ID"}

    def authorize(self, url: str) -> str:
        """The person agrees: where the browser is sent."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _token(self, form: dict[str, str], authorization: str) -> dict[str, object] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != basic or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": "somebody", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **self.person, **self.lie,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode({"alg": "ES256", "kid": "1"}, claims, self.signing_key)
        return {"access_token": "x", "token_type": "Bearer", "id_token": signed}

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def answer(self, value: object, status: int = 200) -> None:
                data = json.dumps(value).encode()
                self.send_response(503 if provider.away else status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                if self.path == "/jwks":
                    self.answer({"keys": [provider.key.as_dict(private=False)]})
                    return
                places = {
                    "authorization_endpoint": "authorize",
                    "token_endpoint": "token",
                    "jwks_uri": "jwks",
                }
                self.answer(
                    {"issuer": provider.issuer} | {n: f"{provider.issuer}/{p}" for n, p in places.items()}
                )

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                token = provider._token(form, self.headers.get("Authorization", ""))
                self.answer(token or {"error": "invalid_grant"}, 200 if token else 400)

        return Handler
