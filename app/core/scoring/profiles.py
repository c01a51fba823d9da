"""Jurisdiction profiles: the numbers of the law that the code works with, chosen by the genesis of a ledger.

Each is a plain number with its unit in its name. `cn` is the default and the rest differ where `rules.md`
names a difference; a number that it does not name for a jurisdiction is the default's.

    negative_months           what is negative leaves this long after the behaviour ended (R10)
    insolvency_months         likewise for an insolvency, after its discharge
    inquiry_score_months      an inquiry counts in a score this long (R12)
    inquiry_shown_months      and is shown this long
    inquiry_repeat_days       inquiries for one class within so many days count once
    dispute_days              clock of a dispute; silence at its end resolves it for the citizen (R25)
    dispute_extension_days    by how much the clock may be extended once
    recipients_months         who got wrong data within so many months before its correction is told (R27)
    erasure_days              what a citizen had erased is destroyed within so many days (R40)

A block carries the hash of the numbers that it was made with:

    rules = SHA-256(canonical {"fold":2,"profile":{the numbers}})

Blocks by an earlier version of the fold stay what they are, and are replayed by it; no block goes back to one.

    1    what is in dispute, or was taken out, is left out of the file, as if it had never been reported
    2    it is in doubt: that there was a report stays (`app.core.scoring.repairs`)

Source: formats.md sections 6 and 9; Decree 631 art. 16 and 25; FCRA 605 and 611; CJEU C-26/22; CICRA 2005 s.
21.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

from msgspec import Struct, structs

from app.core import canon
from app.core.errors import FormatError

FOLD_VERSION: Final = 2


class Profile(Struct, frozen=True, kw_only=True):
    """The numbers of a jurisdiction; `name` is not one of them."""

    name: str
    dispute_days: int = 20
    dispute_extension_days: int = 0
    erasure_days: int = 30
    inquiry_repeat_days: int = 28
    inquiry_score_months: int = 12
    inquiry_shown_months: int = 24
    insolvency_months: int = 60
    negative_months: int = 60
    recipients_months: int = 6

    def numbers(self) -> dict[str, int]:
        """All numbers by name: what the rules' hash covers."""
        numbers: dict[str, int] = {key: value for key, value in structs.asdict(self).items() if key != "name"}
        return numbers


CN: Final = Profile(name="cn")
US: Final = Profile(
    name="us", negative_months=84, insolvency_months=120, dispute_days=30, dispute_extension_days=15
)
EU: Final = Profile(name="eu", insolvency_months=6)
IN: Final = Profile(name="in", dispute_days=30)
PROFILES: Final = {profile.name: profile for profile in (CN, US, EU, IN)}


def profile_of(name: str) -> Profile:
    """The profile that a genesis names; FormatError for an unknown one."""
    try:
        return PROFILES[name]
    except KeyError:
        raise FormatError(f"there is no jurisdiction profile {name!r}") from None


@lru_cache(maxsize=32)
def rules_hash(profile: Profile, version: int = FOLD_VERSION) -> bytes:
    """The 32 bytes that a block carries as `rules`, by a version of the fold."""
    return sha256(canon.encode({"fold": version, "profile": profile.numbers()})).digest()


def fold_version(rules: bytes, profile: Profile) -> int:
    """By which version of the fold a block with these rules was made; 0: none that is known, or another profile's."""
    return next((each for each in range(FOLD_VERSION, 0, -1) if rules_hash(profile, each) == rules), 0)
