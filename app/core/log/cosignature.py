"""What a cosigner signs: the two messages of C2SP tlog-cosignature.

A cosignature is a line on a checkpoint by which a witness says "at this time, this was the largest consistent
tree of this log that I have seen". The signature in the line is

    u64be(POSIX time) || Ed25519 signature (64 bytes)          type 0x04
    u64be(POSIX time) || ML-DSA-44 signature (2420 bytes)      type 0x06

The Ed25519 cosigner signs a header, the time and the whole text of the checkpoint:

    cosignature/v1
    time 1679315147
    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

The ML-DSA-44 cosigner signs a binary structure with its own name, the time, the origin, the range of leaves
(0 to the tree size) and the root, and none of the extension lines that a checkpoint may have. Time 0 makes no
statement about time there.

Source: C2SP tlog-cosignature, sections "Ed25519 signed message" and "ML-DSA-44 signed message".
"""

from __future__ import annotations

from app.core.errors import FormatError
from app.core.fields import U63_MAX, b64, decimal

TIME_BYTES = 8


def split_time(signature: bytes) -> tuple[int, bytes]:
    """(POSIX time in seconds, signature proper) of a timestamped signature."""
    if len(signature) <= TIME_BYTES:
        raise FormatError("a cosignature is too short for its time")
    time_s = int.from_bytes(signature[:TIME_BYTES], "big")
    if time_s > U63_MAX:
        raise FormatError("the time of a cosignature is beyond 2**63 - 1")
    return time_s, signature[TIME_BYTES:]


def join_time(time_s: int, signature: bytes) -> bytes:
    assert 0 <= time_s <= U63_MAX, time_s
    return time_s.to_bytes(TIME_BYTES, "big") + signature


def ed25519_message(text: bytes, time_s: int) -> bytes:
    """The bytes under an Ed25519 cosignature of the checkpoint `text` (with its final newline)."""
    return b"cosignature/v1\ntime %d\n%b" % (time_s, text)


def mldsa44_message(text: bytes, time_s: int, cosigner: str) -> bytes:
    """The bytes under an ML-DSA-44 cosignature of the checkpoint `text`.

    FormatError when the text is not such a checkpoint, or a name does not fit its one-byte length.
    """
    lines = text.split(b"\n")
    if len(lines) < 4 or lines[-1] or b"" in lines[3:-1]:
        raise FormatError(
            "an ML-DSA-44 cosignature covers a checkpoint: three lines, and extensions that are not empty"
        )
    origin, size, root = lines[:3]
    names = cosigner.encode(), origin
    if not all(0 < len(name) < 256 for name in names):
        raise FormatError("an ML-DSA-44 cosignature has names of 1 to 255 bytes")
    try:
        tree_size = decimal(size.decode())
        root_hash = b64(root.decode(), length=32)
    except UnicodeDecodeError:
        raise FormatError("a checkpoint has a size or a root that is not ASCII") from None
    parts = [b"subtree/v1\n\0", len(names[0]).to_bytes(1, "big"), names[0], time_s.to_bytes(8, "big")]
    parts += [len(origin).to_bytes(1, "big"), origin, bytes(8), tree_size.to_bytes(8, "big"), root_hash]
    return b"".join(parts)
