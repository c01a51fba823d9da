"""A passkey in software: what a phone's authenticator and a browser together send to a page, for tests without a browser.

phone = Authenticator()
line = phone.signed(line)                                   # an event's line, with the assertion over it
phone.assertion(challenge, "localhost", "http://localhost:8080")
phone.registered(challenge, user_handle)                     # what navigator.credentials.create gives, as JSON
sign(client, response)                                       # Flask's test client: signs what `web.citizens.signing.ask` asks for
"""

from __future__ import annotations

import html
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from app.core import canon

RP_ID, ORIGIN = "localhost", "http://localhost:8080"
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


class Authenticator:
    """One passkey. `seed` makes it the same each time; `algorithm` is ES256 or EdDSA."""

    def __init__(self, seed: bytes | None = None, algorithm: str = "ES256") -> None:
        seed = seed or secrets.token_bytes(32)
        self.credential = b64(sha256(b"credential" + seed).digest()[:20])
        self.user_handle = b""
        secret = sha256(b"key" + seed).digest()
        if algorithm == "ES256":
            self._key = ec.derive_private_key(int.from_bytes(secret, "big") >> 1 or 1, ec.SECP256R1())
            point = self._key.public_key().public_numbers()
            x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
            cose = bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y
        else:
            self._key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
            cose = bytes.fromhex("a4010103272006215820") + self._key.public_key().public_bytes_raw()
        self.public_key = b64(cose)

    @property
    def added(self) -> dict[str, object]:
        """The fields of a `passkey_added`."""
        return {"credential": self.credential, "public_key": self.public_key}

    def assertion(
        self,
        challenge: bytes,
        rp_id: str = RP_ID,
        origin: object = ORIGIN,
        /,
        *,
        flags: int = PRESENT | VERIFIED,
        **client: object,
    ) -> dict[str, str]:
        """An assertion as events carry it."""
        said = {"type": "webauthn.get", "challenge": b64(challenge), "origin": origin, "crossOrigin": False}
        client_data = json.dumps(said | client).encode()
        data = sha256(rp_id.encode()).digest() + bytes([flags]) + bytes(4)
        message = data + sha256(client_data).digest()
        how = () if isinstance(self._key, ed25519.Ed25519PrivateKey) else (_ECDSA,)
        signature = self._key.sign(message, *how)
        return {
            "credential": self.credential,
            "authenticator_data": b64(data),
            "client_data": b64(client_data),
            "signature": b64(signature),
        }

    def signed(self, line: bytes, **more: object) -> bytes:
        """An event's line with this passkey's assertion over it; a `basis` is taken out."""
        event = {k: v for k, v in canon.decode_object(line).items() if k not in ("basis", "basis_ref")}
        challenge = sha256(canon.encode(event)).digest()
        rp_id, origin = more.pop("rp_id", RP_ID), more.pop("origin", ORIGIN)
        return canon.encode(event | {"assertion": self.assertion(challenge, rp_id, origin, **more)})  # type: ignore[arg-type]

    def got(self, challenge: bytes, **more: object) -> dict[str, object]:
        """What `navigator.credentials.get` gives, as JSON."""
        rp_id, origin = more.pop("rp_id", RP_ID), more.pop("origin", ORIGIN)
        made = self.assertion(challenge, rp_id, origin, **more)  # type: ignore[arg-type]
        response = {
            "authenticatorData": made["authenticator_data"],
            "clientDataJSON": made["client_data"],
            "signature": made["signature"],
            "userHandle": b64(self.user_handle),
        }
        return {"id": self.credential, "rawId": self.credential, "type": "public-key", "response": response}

    def registered(
        self,
        challenge: bytes,
        user_handle: bytes = b"",
        *,
        rp_id: str = RP_ID,
        origin: str = ORIGIN,
        flags: int = PRESENT | VERIFIED | ATTESTED,
    ) -> dict[str, object]:
        """What `navigator.credentials.create` gives, as JSON; the user handle is remembered."""
        self.user_handle = user_handle
        credential = unb64(self.credential)
        data = sha256(rp_id.encode()).digest() + bytes([flags]) + bytes(4) + bytes(16)
        data += len(credential).to_bytes(2, "big") + credential + unb64(self.public_key)
        attestation = b"\xa3cfmtdnonegattStmt\xa0hauthData\x58" + bytes([len(data)]) + data
        client = json.dumps({"type": "webauthn.create", "challenge": b64(challenge), "origin": origin})
        response = {
            "attestationObject": b64(attestation),
            "clientDataJSON": b64(client.encode()),
            "transports": ["internal"],
        }
        return {"id": self.credential, "rawId": self.credential, "type": "public-key", "response": response}


# ---- for tests of the services and of the pages


def enrol(bureau, identifier: str, passkey: Authenticator) -> Authenticator:
    """Register the passkey for this citizen, on paper; it counts at once."""
    from app.services.citizens.acts import on_paper

    on_paper(bureau, identifier, "passkey_added", passkey.added, "form-17")
    return passkey


def sign(client, response, passkey: Authenticator, **more: object):
    """Follow `web.citizens.signing.ask` to its page and sign with this passkey: the answer, a redirect to `done`."""
    assert response.status_code == 303, response.text
    path = response.headers["Location"]
    page = client.get(path).text
    challenges = json.loads(html.unescape(re.search(r'data-challenges="([^"]*)"', page)[1]))
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    answers = [passkey.assertion(unb64(each), **more) for each in challenges]
    return client.post(path, data={"csrf_token": token, "answer": json.dumps(answers)})
