r"""The verifiable random function behind the citizen key: ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381).

A register keyed by a hash of the resident number could be searched by anyone who can count. The bureau keys
it by a VRF instead: only the holder of the secret key can compute the key of a citizen, everyone can check
with the proof that it is the right one, and there is only one right one (so no second, clean file).

    alpha        "credence/citizen@v1\n" || origin || "\n" || identifier
    pi, 80 bytes Gamma (a point, 32) || c (16, little-endian) || s (32, little-endian)
    beta, 64     SHA-512(0x03 || 0x03 || 8*Gamma || 0x00), the output
    citizen key  the first 32 bytes of beta

    >>> key = VrfKey.from_seed(bytes(32))
    >>> alpha = citizen_alpha("bureau.example/ledger", "uci:1")
    >>> citizen_key(verify(key.public, alpha, key.prove(alpha))) == citizen_key(key.evaluate(alpha))
    True

Points are 32-byte strings from end to end; the arithmetic is libsodium's. Two facts about it shape the code:

- Its scalar multiplications refuse every point outside the prime-order subgroup. That is key validation
  (RFC 9381, 5.4.5), and a little stricter: the RFC lets the public key and Gamma carry a component of small
  order besides. An honest prover's never do; uniqueness holds either way.
- Its addition takes any point of the curve. The try-and-increment candidate is such a point, so the cofactor
  is cleared by doubling three times. Addition does not refuse y >= p; that check is made here.

Where only beta is wanted, the cofactor is folded into the secret scalar: 8*Gamma = (8x mod q)*H.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha512
from typing import Final

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_is_valid_point,
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_core_ed25519_sub,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

from app.core.errors import FormatError, ProofError

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 32
PROOF_SIZE: Final = 80
OUTPUT_SIZE: Final = 64
CITIZEN_KEY_SIZE: Final = 32
CITIZEN_CONTEXT: Final = b"credence/citizen@v1\n"

_SUITE: Final = b"\x03"
_ENCODE_TO_CURVE: Final = _SUITE + b"\x01"
_CHALLENGE: Final = _SUITE + b"\x02"
_PROOF_TO_HASH: Final = _SUITE + b"\x03"
_BACK: Final = b"\x00"

_FIELD_PRIME: Final = 2**255 - 19
_GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_Y_MASK: Final = 2**255 - 1
_IDENTITY: Final = b"\x01" + bytes(31)
_ATTEMPTS_MAX: Final = 256


class VrfKey:
    """A secret VRF key, expanded once. Build it with `from_seed`."""

    __slots__ = ("_nonce_prefix", "_scalar", "_scalar_times_8", "public")

    def __init__(self, scalar: bytes, nonce_prefix: bytes, public: bytes) -> None:
        self._scalar = scalar
        self._scalar_times_8 = _scalar_bytes(8 * int.from_bytes(scalar, "little") % _GROUP_ORDER)
        self._nonce_prefix = nonce_prefix
        self.public = public

    @classmethod
    def from_seed(cls, seed: bytes) -> VrfKey:
        """The key of a 32-byte seed, expanded as in RFC 8032, 5.1.5; FormatError on another length."""
        if len(seed) != SEED_SIZE:
            raise FormatError(f"A VRF seed has {SEED_SIZE} bytes, not {len(seed)}.")
        expanded = sha512(seed).digest()
        clamped = int.from_bytes(expanded[:32], "little") & (2**254 - 8) | 2**254
        scalar = _scalar_bytes(clamped % _GROUP_ORDER)
        return cls(scalar, expanded[32:], crypto_scalarmult_ed25519_base_noclamp(scalar))

    def __repr__(self) -> str:
        return f"VrfKey(public={self.public.hex()})"

    def evaluate(self, alpha: bytes) -> bytes:
        """The output (beta, 64 bytes) for `alpha`, without a proof: the fast way to a citizen key."""
        point = _encode_to_curve(self.public, alpha)
        return _output(crypto_scalarmult_ed25519_noclamp(self._scalar_times_8, point))

    def prove(self, alpha: bytes) -> bytes:
        """The proof (pi, 80 bytes) for `alpha`; deterministic (RFC 9381, 5.1)."""
        return self.begin(alpha).prove()

    def begin(self, alpha: bytes) -> Evaluation:
        """Output and proof of one input, each worked out when it is asked for, from what they share."""
        point = _encode_to_curve(self.public, alpha)
        return Evaluation(self, point, crypto_scalarmult_ed25519_noclamp(self._scalar, point))

    def _prove(self, point: bytes, gamma: bytes) -> bytes:
        nonce = crypto_core_ed25519_scalar_reduce(sha512(self._nonce_prefix + point).digest())
        challenge = _challenge(
            self.public,
            point,
            gamma,
            crypto_scalarmult_ed25519_base_noclamp(nonce),
            crypto_scalarmult_ed25519_noclamp(nonce, point),
        )
        product = crypto_core_ed25519_scalar_mul(challenge + bytes(16), self._scalar)
        return gamma + challenge + crypto_core_ed25519_scalar_add(nonce, product)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A secret key at one input: H and Gamma of RFC 9381. Whoever enrols needs the output always, the proof sometimes."""

    key: VrfKey
    point: bytes
    gamma: bytes

    def output(self) -> bytes:
        """The output (beta, 64 bytes)."""
        return _output(_times_8(self.gamma))

    def prove(self) -> bytes:
        """The proof (pi, 80 bytes)."""
        return self.key._prove(self.point, self.gamma)  # noqa: SLF001 - two halves of one computation


def verify(public: bytes, alpha: bytes, proof: bytes) -> bytes:
    """The output (beta, 64 bytes), if `proof` is one of `public` for `alpha` (RFC 9381, 5.3).

    FormatError on wrong lengths; ProofError on a bad public key or point, s >= q, or another challenge.
    """
    if len(public) != PUBLIC_SIZE:
        raise FormatError(f"A VRF public key has {PUBLIC_SIZE} bytes, not {len(public)}.")
    if len(proof) != PROOF_SIZE:
        raise FormatError(f"A VRF proof has {PROOF_SIZE} bytes, not {len(proof)}.")
    gamma, challenge, response = proof[:32], proof[32:48], proof[48:]
    if int.from_bytes(response, "little") >= _GROUP_ORDER:
        raise ProofError("The response scalar of the VRF proof is not reduced.")
    point = _encode_to_curve(public, alpha)
    scalar = challenge + bytes(16)
    try:
        # libsodium refuses a zero scalar and a point off the curve, not canonical or not of prime order.
        commitment_base = crypto_core_ed25519_sub(  # U = s*B - c*Y
            crypto_scalarmult_ed25519_base_noclamp(response),
            crypto_scalarmult_ed25519_noclamp(scalar, public),
        )
        commitment_point = crypto_core_ed25519_sub(  # V = s*H - c*Gamma
            crypto_scalarmult_ed25519_noclamp(response, point),
            crypto_scalarmult_ed25519_noclamp(scalar, gamma),
        )
    except RuntimeError as error:
        raise ProofError("A point of the VRF proof, or the VRF public key, is not valid.") from error
    if _challenge(public, point, gamma, commitment_base, commitment_point) != challenge:
        raise ProofError("The VRF proof does not belong to this public key and this input.")
    return _output(_times_8(gamma))


def check_public(public: bytes) -> None:
    """Raise FormatError unless `public` is a point that can be a VRF public key (RFC 9381, 5.4.5)."""
    if len(public) != PUBLIC_SIZE or not crypto_core_ed25519_is_valid_point(public):
        raise FormatError("This is not a valid VRF public key.")


def citizen_alpha(origin: str, identifier: str) -> bytes:
    """The VRF input for a citizen: ledger origin and identifier in UTF-8; neither may hold a newline."""
    if "\n" in origin or "\n" in identifier:
        raise FormatError("A newline cannot be part of an origin or an identifier.")
    try:
        return CITIZEN_CONTEXT + f"{origin}\n{identifier}".encode()
    except UnicodeEncodeError as error:
        raise FormatError("An origin or an identifier is not valid Unicode.") from error


def citizen_key(beta: bytes) -> bytes:
    """The citizen key: the first 32 of the 64 bytes of VRF output."""
    if len(beta) != OUTPUT_SIZE:
        raise FormatError(f"A VRF output has {OUTPUT_SIZE} bytes, not {len(beta)}.")
    return beta[:CITIZEN_KEY_SIZE]


def _encode_to_curve(salt: bytes, alpha: bytes) -> bytes:
    """The point H of RFC 9381, 5.4.1.1 (try and increment; about two attempts)."""
    front = _ENCODE_TO_CURVE + salt + alpha
    for attempt in range(_ATTEMPTS_MAX):
        candidate = sha512(front + bytes((attempt, 0))).digest()[:32]
        if int.from_bytes(candidate, "little") & _Y_MASK >= _FIELD_PRIME:
            continue
        try:
            point = _times_8(candidate)
        except RuntimeError:  # not a point of the curve
            continue
        # RFC 8032 decodes no x = 0 with the sign bit set; that has order 1 or 2, so it is the identity here.
        if point != _IDENTITY:
            return point
    raise ProofError("No attempt of hashing to the curve gave a point.")  # chance 2^-256


def _times_8(point: bytes) -> bytes:
    """Clear the cofactor. RuntimeError if `point` is not on the curve."""
    doubled = crypto_core_ed25519_add(point, point)
    quadrupled = crypto_core_ed25519_add(doubled, doubled)
    return crypto_core_ed25519_add(quadrupled, quadrupled)


def _challenge(*points: bytes) -> bytes:
    """The challenge c of RFC 9381, 5.4.3 over Y, H, Gamma, U, V: 16 bytes, little-endian."""
    return sha512(_CHALLENGE + b"".join(points) + _BACK).digest()[:16]


def _output(gamma_times_8: bytes) -> bytes:
    return sha512(_PROOF_TO_HASH + gamma_times_8 + _BACK).digest()


def _scalar_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(32, "little")
