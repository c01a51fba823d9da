"""What a single field of a document may look like: patterns and limits, and annotations that msgspec checks by them.

    Name      "bank.example/cards"           1 to 100 of a-z 0-9 . - /
    Ref       "card-0017"                    1 to 64 of A-Z a-z 0-9 . _ -
    Minor     2000000                        0..10**15 minor units
    KeyText   "pQECAyYgASFYIA"               unpadded base64url, at most 1,023 characters

Events, notices and scorecards are made of them, so that a field reads like its row in formats.md. Values that a program
works with (an instant, 32 bytes) are parsed from the same forms by `app.core.fields`.

Source: formats.md section 1.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

INDEX_MAX: Final = 2**53 - 1
MINOR_MAX: Final = 10**15

NAME: Final = r"^[a-z0-9.\-/]{1,100}\Z"
REF: Final = r"^[A-Za-z0-9._\-]{1,64}\Z"
UUID7: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"
NONCE: Final = r"^[A-Za-z0-9_\-]{42}[AEIMQUYcgkosw048]\Z"  # 258 bits of text for 256: the last two are zero
CURRENCY: Final = r"^[A-Z]{3}\Z"
HOLDER: Final = r"^(?:ed25519:[A-Za-z0-9_\-]{43}|es256:[A-Za-z0-9_\-]{44})\Z"
HASH: Final = r"^[0-9a-f]{64}\Z"
TEXT: Final = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]{1,1000}\Z"
# Whole bytes, and the bits that stand for none are zero: one spelling (RFC 4648 sections 3.5 and 5).
B64URL: Final = (
    r"^(?=[A-Za-z0-9_\-]{1,%d}\Z)(?:[A-Za-z0-9_\-]{4})*"
    r"(?:[A-Za-z0-9_\-][AQgw]|[A-Za-z0-9_\-]{2}[AEIMQUYcgkosw048])?\Z"
)

Name = Annotated[str, Meta(pattern=NAME)]
Ref = Annotated[str, Meta(pattern=REF)]
Uuid7 = Annotated[str, Meta(pattern=UUID7)]
Hash = Annotated[str, Meta(pattern=HASH)]
Text = Annotated[str, Meta(pattern=TEXT)]
KeyText = Annotated[str, Meta(pattern=B64URL % 1023)]
AssertionText = Annotated[str, Meta(pattern=B64URL % 4096)]
Currency = Annotated[str, Meta(pattern=CURRENCY)]
SignedMinor = Annotated[int, Meta(ge=-MINOR_MAX, le=MINOR_MAX)]
Minor = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
PositiveMinor = Annotated[int, Meta(gt=0, le=MINOR_MAX)]
Index = Annotated[int, Meta(ge=0, le=INDEX_MAX)]
