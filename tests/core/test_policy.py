"""Trust policies to the letter of C2SP tlog-policy; the table of refusals covers every MUST of the specification."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError, ProofError, SignatureError
from app.core.log import checkpoint as cp
from app.core.log import merkle
from app.core.log.checkpoint import Checkpoint
from app.core.log.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, ED25519, Signer, Verifier
from app.core.log.policy import Group, LogKey, Policy, Witness, verify_checkpoint

ORIGIN = "credence.example/ledger"
LOG = Signer.generate_from_seed(ORIGIN, b"l" * 32)
W = [
    Signer.generate_from_seed(f"witness.example/{i}", bytes([i]) * 32, COSIGNATURE_ED25519) for i in range(70)
]
NOTE = cp.sign_checkpoint(LOG, Checkpoint(ORIGIN, 7, merkle.leaf_hash(b"x")))
LOG_KEY = LOG.verifier.encode()
K = [w.verifier.encode() for w in W]

SPEC_EXAMPLE = f"""log {LOG_KEY}

witness X1 {K[1]}
witness X2 {K[2]}
witness X3 {K[3]}
group X-witnesses 2 X1 X2 X3

witness Y1 {K[4]}
witness Y2 {K[5]}
witness Y3 {K[6]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def parse(text):
    return Policy.parse(text.encode())


def cosigned(*witnesses):
    return NOTE + b"".join(cp.cosign(w, NOTE, 1_700_000_000) for w in witnesses)


def test_example_of_the_specification():
    policy = parse(SPEC_EXAMPLE)
    assert policy.logs == (LogKey(LOG.verifier),)
    assert [w.name for w in policy.witnesses] == [b"X1", b"X2", b"X3", b"Y1", b"Y2", b"Y3"]
    assert policy.groups == (
        Group(b"X-witnesses", 2, (b"X1", b"X2", b"X3")),
        Group(b"Y-witnesses", 1, (b"Y1", b"Y2", b"Y3")),
        Group(b"X-and-Y", 2, (b"X-witnesses", b"Y-witnesses")),
    )
    assert policy.quorum == b"X-and-Y"


def test_quorum_of_the_example_for_every_set_of_witnesses():
    policy = parse(SPEC_EXAMPLE)
    names = [b"X1", b"X2", b"X3", b"Y1", b"Y2", b"Y3"]
    for count in range(7):
        for some in itertools.combinations(names, count):
            xs, ys = sum(n[:1] == b"X" for n in some), sum(n[:1] == b"Y" for n in some)
            assert policy.satisfied(some) == (xs >= 2 and ys >= 1)
    assert not policy.satisfied([b"X-and-Y", b"X-witnesses", b"Y-witnesses"]), "a group does not cosign"
    assert not policy.satisfied([b"X1", b"X1", b"Y1", b"unknown"])


def test_verify_checkpoint_with_a_quorum():
    policy = parse(SPEC_EXAMPLE)
    verified = verify_checkpoint(policy, cosigned(W[1], W[3], W[6], W[9]))
    assert verified.checkpoint == Checkpoint(ORIGIN, 7, merkle.leaf_hash(b"x"))
    assert verified.log == LOG.verifier
    assert [c.verifier for c in verified.cosignatures] == [W[1].verifier, W[3].verifier, W[6].verifier]
    for missing in ((), (W[1], W[2]), (W[1], W[4]), (W[4], W[5], W[6]), (W[1], W[1], W[4])):
        with pytest.raises(ProofError) as caught:
            verify_checkpoint(policy, cosigned(*missing))
        assert caught.value.code == "below-quorum"


def test_verify_checkpoint_without_witnesses():
    policy = parse(f"log {LOG_KEY}\nquorum none\n")
    assert verify_checkpoint(policy, NOTE).cosignatures == ()
    other = Signer.generate_from_seed("other.example", b"o" * 32)
    for note in (
        other.sign(Checkpoint("other.example", 7, bytes(32)).text()),
        other.sign(Checkpoint(ORIGIN, 7, bytes(32)).text()),
        LOG.sign(Checkpoint("other.example", 7, bytes(32)).text()),
        NOTE.replace(b"\n7\n", b"\n8\n"),
    ):
        with pytest.raises(SignatureError):
            verify_checkpoint(policy, note)
    with pytest.raises(SignatureError):
        verify_checkpoint(parse("quorum none\n"), NOTE)
    with pytest.raises(FormatError):
        verify_checkpoint(policy, LOG.sign(b"no checkpoint\n"))


def test_a_wrong_cosignature_refuses_even_beside_a_quorum():
    wrong = cp.cosign(W[3], cp.sign_checkpoint(LOG, Checkpoint(ORIGIN, 8, bytes(32))), 5)
    policy = parse(f"log {LOG_KEY}\nwitness a {K[1]}\nwitness b {K[3]}\nquorum a\n")
    verify_checkpoint(policy, cosigned(W[1]))
    with pytest.raises(SignatureError):
        verify_checkpoint(policy, cosigned(W[1]) + wrong)


def test_several_logs_and_several_keys_of_one_origin():
    new = Signer.generate_from_seed(ORIGIN, b"n" * 32)
    other = Signer.generate_from_seed("other.example", b"o" * 32)
    policy = parse("".join(f"log {s.verifier.encode()}\n" for s in (other, LOG, new)) + "quorum none\n")
    assert verify_checkpoint(policy, NOTE).log == LOG.verifier
    assert (
        verify_checkpoint(policy, cp.sign_checkpoint(new, Checkpoint(ORIGIN, 7, bytes(32)))).log
        == new.verifier
    )
    text = Checkpoint("other.example", 9, bytes(32))
    assert verify_checkpoint(policy, cp.sign_checkpoint(other, text)).checkpoint == text


def test_mldsa44_log_and_witness():
    """Signed here with the cryptography package; a foreign signature is in test_checkpoint."""
    from cryptography.hazmat.primitives.asymmetric import mldsa

    from app.core.log import cosignature
    from app.core.log.note import NoteSignature

    text = Checkpoint(ORIGIN, 7, merkle.leaf_hash(b"x")).text()
    lines, keys = [], []
    for name, seed, time_s in ((ORIGIN, b"a" * 32, 0), ("witness.example/pq", b"b" * 32, 77)):
        secret = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        key = Verifier(name, COSIGNATURE_MLDSA44, secret.public_key().public_bytes_raw())
        raw = secret.sign(cosignature.mldsa44_message(text, time_s, name))
        lines.append(NoteSignature(name, key.key_id, cosignature.join_time(time_s, raw)))
        keys.append(key)
    policy = parse(f"log {keys[0].encode()}\nwitness pq {keys[1].encode()}\nquorum pq\n")
    note = text + b"\n" + b"".join(line.line() for line in lines)
    verified = verify_checkpoint(policy, note)
    assert verified.log == keys[0]
    assert verified.cosignatures == ((keys[1], 77),)
    with pytest.raises(SignatureError):
        verify_checkpoint(policy, note.replace(b"\n7\n", b"\n8\n"))
    with pytest.raises(ProofError):
        verify_checkpoint(policy, text + b"\n" + lines[0].line())


def test_whitespace_comments_urls_and_octets():
    data = b"\n# comment \xff\n\t # another\n#\n \t \n\twitness \t K\xe2\x84\xaa\x80  " + K[1].encode()
    data += (
        b"   https://w1.example.com/\xc3\xa9  \n log\t"
        + LOG_KEY.encode()
        + b" https://l#1\n\n  quorum\tK\xe2\x84\xaa\x80 \n"
    )
    policy = Policy.parse(data)
    assert policy.witnesses == (
        Witness(b"K\xe2\x84\xaa\x80", W[1].verifier, b"https://w1.example.com/\xc3\xa9"),
    )
    assert policy.logs == (LogKey(LOG.verifier, b"https://l#1"),)
    assert policy.quorum == b"K\xe2\x84\xaa\x80"
    assert Policy.parse(policy.encode()) == policy


def test_keywords_may_be_names_and_definitions_may_follow_the_quorum():
    policy = parse(
        f"witness all {K[1]}\nwitness any {K[2]}\ngroup group 2 all any\nquorum group\nlog {LOG_KEY}\n"
    )
    assert policy.satisfied([b"all", b"any"])
    assert not policy.satisfied([b"any"])
    assert len(policy.logs) == 1


def test_one_key_may_be_a_log_and_a_witness():
    twin = Signer.generate_from_seed("w", LOG.seed, COSIGNATURE_ED25519)
    assert parse(f"log {LOG_KEY}\nwitness w {twin.verifier.encode()}\nquorum w\n")


w1, w2 = f"witness w1 {K[1]}\n", f"witness w2 {K[2]}\n"
renamed = Verifier("impostor", COSIGNATURE_ED25519, W[1].verifier.public_key).encode()
plain_witness = Verifier("w", ED25519, W[1].verifier.public_key).encode()
cosigner_log = Verifier(ORIGIN, COSIGNATURE_ED25519, LOG.verifier.public_key).encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "newline"),
        ("quorum none", "newline"),
        ("\n", "no quorum"),
        ("quorum none\n\x01\n", "control"),
        ("quorum none\r\n", "control"),
        ("quorum none\n# \x7f\n", "control"),
        ("quorum none\n\x00\n", "control"),
        ("quibble w1\nquorum none\n", "line 1 .*not a log"),
        ("Quorum none\n", "not a log"),
        ("quorum\u00a0none\n", "not a log"),
        (f"witness w1 {K[1]} https://w # comment\nquorum w1\n", "not a log"),
        (f"log {LOG_KEY} https://l x\nquorum none\n", "not a log"),
        ("log\nquorum none\n", "not a log"),
        ("log garbage\nquorum none\n", "key"),
        (f"log {LOG_KEY[:-1]}\nquorum none\n", "base64"),
        (f"log {cosigner_log}\nquorum none\n", "0x04 is not a log key"),
        (f"log {LOG_KEY}\nlog {LOG_KEY} https://l\nquorum none\n", "two logs have one"),
        (
            f"log {LOG_KEY}\nlog {Verifier('x', ED25519, LOG.verifier.public_key).encode()}\nquorum none\n",
            "two logs have one",
        ),
        ("witness w1\nquorum none\n", "not a log"),
        (f"witness w1 {plain_witness}\nquorum w1\n", "0x01 is not a witness key"),
        (w1 + f"witness w2 {renamed}\nquorum w1\n", "two witnesses have one"),
        (f"witness none {K[1]}\nquorum none\n", "reserved"),
        (w1 + f"witness w1 {K[2]}\nquorum w1\n", "defined twice"),
        (w1 + "group w1 any w1\nquorum w1\n", "defined twice"),
        (w1 + "group none any w1\nquorum none\n", "reserved"),
        (w1 + "group g 1\nquorum w1\n", "not a log"),
        (w1 + "group g all\nquorum w1\n", "not a log"),
        (w1 + "group g\nquorum w1\n", "not a log"),
        (w1 + "group g 0 w1\nquorum g\n", "threshold"),
        (w1 + "group g 2 w1\nquorum g\n", "threshold"),
        (w1 + "group g -1 w1\nquorum g\n", "decimal"),
        (w1 + "group g +1 w1\nquorum g\n", "decimal"),
        (w1 + "group g 0x1 w1\nquorum g\n", "decimal"),
        (w1 + "group g \u0661 w1\nquorum g\n", "decimal"),
        (w1 + "group g some w1\nquorum g\n", "decimal"),
        (w1 + "group g any w2\nquorum g\n", "no earlier line"),
        ("group g any w1\n" + w1 + "quorum g\n", "no earlier line"),
        (w1 + "group g any g\nquorum g\n", "no earlier line"),
        (w1 + "group g any none w1\nquorum g\n", "no earlier line"),
        (w1 + "group g all w1 w1\nquorum g\n", "more than once"),
        (w1 + w2 + "group g any w1 w2\ngroup h any w1\nquorum g\n", "more than once"),
        (w1, "no quorum"),
        (w1 + "quorum w1\nquorum w1\n", "second quorum"),
        (w1 + "quorum none\nquorum none\n", "second quorum"),
        ("quorum unknown\n", "no earlier line"),
        ("quorum w1\n" + w1, "no earlier line"),
        ("quorum\n", "not a log"),
        (w1 + w2 + "quorum w1 w2\n", "not a log"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(FormatError, match=reason):
        parse(text)


def test_limits():
    def witnesses(count):
        return "".join(f"witness w{i} {K[i]}\n" for i in range(count))

    def logs(count):
        return "".join(f"log {Verifier('l', ED25519, k.verifier.public_key).encode()}\n" for k in W[:count])

    def groups(count):  # each group holds the one before it
        return witnesses(1) + "".join(f"group g{i} any {f'g{i - 1}' if i else 'w0'}\n" for i in range(count))

    for make in (witnesses, logs, groups):
        assert parse(make(64) + "quorum none\n")
        with pytest.raises(FormatError, match="more than 64"):
            parse(make(65) + "quorum none\n")
    assert parse(groups(64) + "quorum g63\n").satisfied([b"w0"])
    with pytest.raises(FormatError, match="longer"):
        Policy.parse(b"#" * (1 << 20) + b"\n")


@given(st.integers(1, 6), st.data())
def test_thresholds(count, data):
    threshold = data.draw(st.integers(1, count))
    names = [b"w%d" % i for i in range(count)]
    some = data.draw(st.sets(st.sampled_from(names)))
    text = "".join(f"witness w{i} {K[i]}\n" for i in range(count))
    text += f"group g {threshold} {' '.join(n.decode() for n in names)}\nquorum g\n"
    policy = parse(text)
    assert policy.satisfied(some) == (len(some) >= threshold)
    assert policy.encode() == text.encode()
