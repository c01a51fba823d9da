"""The VRF against RFC 9381's vectors, against textbook arithmetic on integers, and against bent input."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add

from app.core.errors import CredenceError, FormatError, ProofError
from app.core.state import vrf

# RFC 9381, appendix B.3, examples 16, 17 and 18: secret key, public key, alpha, H, pi, beta.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "91bbed02a99461df1ad4c6564a5f5d829d0b90cfc7903e7a5797bd658abf3318",
        "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
        "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "5b659fc3d4e9263fd9a4ed1d022d75eaacc20df5e09f9ea937502396598dc551",
        "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
        "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "bf4339376f5542811de615e3313d2b36f6f53c0acfebb482159711201192576a",
        "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
        "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f",
    ),
]

PRIME = 2**255 - 19
ORDER = vrf._GROUP_ORDER
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    (PRIME - 1).to_bytes(32, "little"),
    ORDER_8,
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]
KEY = vrf.VrfKey.from_seed(bytes(range(32)))
ALPHA = vrf.citizen_alpha("bureau.example/ledger", "uci:7")


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors_of_rfc_9381(vector):
    seed, public, alpha, point, proof, beta = map(bytes.fromhex, vector)
    key = vrf.VrfKey.from_seed(seed)
    assert key.public == public
    assert vrf._encode_to_curve(public, alpha) == point
    assert key.prove(alpha) == proof
    assert key.evaluate(alpha) == beta
    assert vrf.verify(public, alpha, proof) == beta


def decode(string: bytes) -> tuple[int, int] | None:
    """RFC 8032, 5.1.3, on integers."""
    sign, y = string[31] >> 7, int.from_bytes(string, "little") & (2**255 - 1)
    if y >= PRIME:
        return None
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, PRIME) % PRIME
    x = pow(x2, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != x2:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if x * x % PRIME != x2 or (x == 0 and sign):
        return None
    return (PRIME - x if x & 1 != sign else x), y


def add(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    (x1, y1), (x2, y2) = p, q
    t = d * x1 * x2 * y1 * y2 % PRIME
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, PRIME) % PRIME,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, PRIME) % PRIME,
    )


def encode(p: tuple[int, int]) -> bytes:
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


@settings(max_examples=150)
@given(st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from(SMALL_ORDER)))
def test_clearing_the_cofactor_agrees_with_integers(string):
    point = decode(string)
    if point is None:
        canonical = int.from_bytes(string, "little") & (2**255 - 1) < PRIME
        if canonical and string not in SMALL_ORDER:
            with pytest.raises(RuntimeError):
                vrf._times_8(string)
        return
    doubled = add(point, point)
    quadrupled = add(doubled, doubled)
    assert vrf._times_8(string) == encode(add(quadrupled, quadrupled))


@settings(max_examples=60)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80))
def test_evaluate_prove_and_verify_agree(seed, alpha):
    key = vrf.VrfKey.from_seed(seed)
    beta = key.evaluate(alpha)
    assert len(beta) == vrf.OUTPUT_SIZE
    assert vrf.verify(key.public, alpha, key.prove(alpha)) == beta
    with pytest.raises(ProofError):
        vrf.verify(key.public, alpha + b"x", key.prove(alpha))


def test_every_changed_byte_of_a_proof_or_key_is_refused():
    proof = KEY.prove(ALPHA)
    for index in range(len(proof)):
        bent = bytearray(proof)
        bent[index] ^= 1
        with pytest.raises(ProofError):
            vrf.verify(KEY.public, ALPHA, bytes(bent))
    for index in range(32):
        bent = bytearray(KEY.public)
        bent[index] ^= 0x80
        with pytest.raises(ProofError):
            vrf.verify(bytes(bent), ALPHA, proof)


def test_a_response_that_is_not_reduced_is_refused():
    proof = KEY.prove(ALPHA)
    response = int.from_bytes(proof[48:], "little") + ORDER
    with pytest.raises(ProofError, match="not reduced"):
        vrf.verify(KEY.public, ALPHA, proof[:48] + response.to_bytes(32, "little"))


@pytest.mark.parametrize("small", SMALL_ORDER)
def test_small_order_is_refused_as_key_and_as_component(small):
    proof = KEY.prove(ALPHA)
    with pytest.raises(FormatError):
        vrf.check_public(small)
    with pytest.raises(ProofError):
        vrf.verify(small, ALPHA, proof)
    with pytest.raises(ProofError):
        vrf.verify(KEY.public, ALPHA, small + proof[32:])


def test_a_component_of_small_order_is_refused_even_where_the_equation_holds():
    """With c = 0 mod 8 the RFC's equation cannot tell Gamma from Gamma + T; we refuse such a Gamma anyway."""
    mixed = crypto_core_ed25519_add(KEY.public, ORDER_8)
    with pytest.raises(FormatError):
        vrf.check_public(mixed)
    with pytest.raises(ProofError, match="not valid"):
        vrf.verify(mixed, ALPHA, KEY.prove(ALPHA))
    proof = KEY.prove(ALPHA)
    with pytest.raises(ProofError, match="not valid"):
        vrf.verify(KEY.public, ALPHA, crypto_core_ed25519_add(proof[:32], ORDER_8) + proof[32:])


@settings(max_examples=100)
@given(st.binary(max_size=100), st.binary(max_size=20), st.binary(max_size=100))
def test_any_bytes_give_our_own_error(public, alpha, proof):
    with pytest.raises(CredenceError):
        vrf.verify(public, alpha, proof)


@settings(max_examples=60)
@given(st.binary(min_size=80, max_size=80))
def test_any_80_bytes_are_no_proof(proof):
    with pytest.raises(ProofError):
        vrf.verify(KEY.public, ALPHA, proof)


def test_zero_scalars_are_refused():
    proof = KEY.prove(ALPHA)
    for bent in (proof[:32] + bytes(16) + proof[48:], proof[:48] + bytes(32)):
        with pytest.raises(ProofError):
            vrf.verify(KEY.public, ALPHA, bent)


def test_citizen_alpha_and_key():
    assert ALPHA == b"credence/citizen@v1\nbureau.example/ledger\nuci:7"
    beta = KEY.evaluate(ALPHA)
    assert vrf.citizen_key(beta) == beta[:32]
    for origin, identifier in (("a\nb", "c"), ("a", "b\nc"), ("a", "\ud800")):
        with pytest.raises(FormatError):
            vrf.citizen_alpha(origin, identifier)
    with pytest.raises(FormatError):
        vrf.citizen_key(beta[:32])


def test_lengths_are_checked_and_secrets_not_shown():
    with pytest.raises(FormatError):
        vrf.VrfKey.from_seed(bytes(31))
    with pytest.raises(FormatError):
        vrf.check_public(bytes(31))
    vrf.check_public(KEY.public)
    assert repr(KEY) == f"VrfKey(public={KEY.public.hex()})"
