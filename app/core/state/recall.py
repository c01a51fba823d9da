"""A citizen key as remembered in the database: the VRF is evaluated once a citizen, not once a citizen and process.

    secret    HMAC-SHA-512(wrapping key, "credence/recall@v2\\0" || identifier)
    tag       its first 32 bytes: the row is found by it
    sealed    citizen key (32) || its VRF proof (80), sealed under its last 32 bytes with a nonce of zeros (that key seals
              nothing else: both follow from the identifier)

Who holds the database alone can neither try identifiers, as the wrapping key is missing, nor put another key into a row
unnoticed: what does not open is no answer, and the VRF is evaluated instead. Losing rows loses nothing but time.

Source: docs/formats.md, section 11.
"""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from app.core.errors import CredenceError
from app.core.state.sealing import KEY_SIZE, NONCE_SIZE, seal, unseal
from app.core.state.vrf import CITIZEN_KEY_SIZE, PROOF_SIZE

RECALL_CONTEXT: Final = b"credence/recall@v2\0"
_NONCE: Final = bytes(NONCE_SIZE)


class Recall(NamedTuple):
    """Where the key of one identifier is remembered, and how it is sealed there."""

    tag: bytes
    secret: bytes

    @classmethod
    def of(cls, wrapping_key: bytes, identifier: str) -> Recall:
        """The place of an identifier."""
        digest = hmac.digest(wrapping_key, RECALL_CONTEXT + identifier.encode(), "sha512")
        return cls(digest[:KEY_SIZE], digest[KEY_SIZE:])

    def seal(self, citizen_key: bytes, vrf_proof: bytes) -> bytes:
        """What the row holds."""
        return seal(self.secret, _NONCE, citizen_key + vrf_proof)

    def open(self, sealed: bytes) -> tuple[bytes, bytes] | None:
        """Citizen key and proof in a row; None when the row was made for another identifier, or changed."""
        try:
            opened = unseal(self.secret, sealed)
        except CredenceError:
            return None
        if len(opened) != CITIZEN_KEY_SIZE + PROOF_SIZE:
            return None
        return opened[:CITIZEN_KEY_SIZE], opened[CITIZEN_KEY_SIZE:]
