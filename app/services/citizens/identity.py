"""A real identity provider: who the citizen is, said by somebody else over OpenID Connect, in place of a one-time code.

`CREDENCE_IDENTITY` names a file (default: `identity.json` in CREDENCE_HOME; none: there is no provider):

    {"issuer":"https://id.example","client_id":"credence","client_secret":"...","claim":"resident_number","name":"Citizen ID"}

    kept, url = provider.start(redirect_uri)            send the browser to `url`, keep `kept` in its session
    identifier = provider.finish(redirect_uri, kept, query)     when it comes back

Authorization code flow with PKCE (S256) and nonce. The ID token's signature, issuer, audience, times and nonce are checked;
`claim` holds the resident number, to which the ledger's scheme is put in front. A public client has no `client_secret`;
`scope` (default "openid") may ask for what the claim needs. A provider is reached by https, or on this machine.

Source: OpenID Connect Core 1.0 sections 3.1, 3.1.3.7; OpenID Connect Discovery 1.0; RFC 7636; RFC 9700.
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast
from urllib.parse import urlsplit

import msgspec
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.core.errors import FormatError, RefusedError, SignatureError
from app.core.reporting.identifiers import check_identifier
from app.services.citizens.links import Ground

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.services.home import Home

VARIABLE: Final = "CREDENCE_IDENTITY"
TIMEOUT_S: Final = 10
_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]  # asymmetric: nobody can sign with what we know
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As the file says."""

    issuer: str
    client_id: str
    name: str
    claim: str = "resident_number"
    client_secret: str | None = None
    scope: str = "openid"

    @classmethod
    def load(cls, home: Home) -> Self | None:
        """The provider that is set up, or None. RefusedError for a file that cannot be used."""
        said = os.environ.get(VARIABLE)
        path = Path(said) if said else home.path / "identity.json"
        if not said and not path.exists():
            return None
        try:
            provider = msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise RefusedError(f"{path}: no identity provider can be read from it: {error}") from None
        _require_safe(provider.issuer)
        return provider

    def start(self, redirect_uri: str) -> tuple[dict[str, str], str]:
        """(what to keep until the browser comes back, where to send it now). RefusedError when the provider is away."""
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        client = self._client(redirect_uri)
        url, _ = client.create_authorization_url(
            self._metadata()["authorization_endpoint"],
            state=kept["state"],
            nonce=kept["nonce"],
            code_verifier=kept["verifier"],
        )
        return kept, str(url)

    def finish(
        self, redirect_uri: str, kept: Mapping[str, str], query: Mapping[str, str], scheme: str
    ) -> tuple[str, Ground]:
        """(who it is, on what ground). SignatureError when the provider has not said so, RefusedError when it is away."""
        if not hmac.compare_digest(query.get("state", "").encode(), kept["state"].encode()):
            raise SignatureError("the answer belongs to another sign-in", code="not-signed-in")
        if "code" not in query:
            raise SignatureError("the identity provider did not say who you are", code="not-signed-in")
        metadata = self._metadata()
        try:
            token = self._client(redirect_uri).fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=query["code"],
                code_verifier=kept["verifier"],
                timeout=TIMEOUT_S,
            )
            claims = self._claims(token, metadata, kept["nonce"])
        except requests.RequestException as error:
            raise _away(error) from None
        except (AuthlibBaseError, JoseError, KeyError, TypeError, ValueError):
            raise SignatureError("the identity provider's word does not hold", code="not-signed-in") from None
        identifier = f"{scheme}:{claims.get(self.claim, '')}"
        try:
            check_identifier(scheme, identifier)
        except FormatError:
            message = "the identity provider gave no number by which this ledger knows people"
            raise SignatureError(message, code="not-signed-in") from None
        told = sha256(f"{self.issuer}\n{claims['sub']}\n{kept['nonce']}".encode()).hexdigest()[:24]
        return identifier, Ground("legal", f"identity-{told}")

    def _claims(self, token: Mapping[str, Any], metadata: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        keys = KeySet.import_key_set(cast("Any", _get(metadata["jwks_uri"])))
        signed = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS)
        options = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
        }
        params = {"nonce": nonce, "client_id": self.client_id}
        claims = CodeIDToken(signed.claims, signed.header, options, params)
        claims.validate(leeway=60)
        if claims.get("nonce") != nonce:
            raise ValueError("another sign-in's nonce")
        return dict(claims)

    def _metadata(self) -> dict[str, Any]:
        metadata = _get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if metadata.get("issuer") != self.issuer or not all(isinstance(metadata.get(n), str) for n in names):
            raise RefusedError("the identity provider describes itself as another one", code="identity-away")
        for name in names:
            _require_safe(metadata[name])
        return metadata

    def _client(self, redirect_uri: str) -> OAuth2Session:
        return OAuth2Session(
            client_id=self.client_id,
            client_secret=self.client_secret,
            token_endpoint_auth_method="client_secret_basic" if self.client_secret else "none",
            scope=self.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )


def _get(url: str) -> dict[str, Any]:
    try:
        answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
        value = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise _away(error) from None
    if not isinstance(value, dict):
        raise RefusedError("the identity provider's answer cannot be read", code="identity-away")
    return value


def _away(error: Exception) -> RefusedError:
    message = f"the identity provider does not answer as it should ({type(error).__name__})"
    return RefusedError(message, code="identity-away")


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise RefusedError(f"an identity provider is reached by https: {url!r}", code="identity-away")
