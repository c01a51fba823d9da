"""What a claim has shown, in plain sentences of both languages, and the same for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.proving.claims.head import duration_en, duration_zh

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from app.core.canon import JSON
    from app.core.proving.claims.head import Asked, Head


@dataclass(slots=True)
class Said:
    """Sentences: what is proved, and what is not."""

    proved: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Claimed:
    """A claim that holds. `facts` are canonical JSON's values, without any identifier."""

    kind: str
    facts: dict[str, JSON]
    en: Said = field(default_factory=Said)
    zh: Said = field(default_factory=Said)

    def proves(self, en: str, zh: str) -> None:
        self.en.proved.append(en)
        self.zh.proved.append(zh)

    def proves_not(self, en: str, zh: str) -> None:
        self.en.not_proved.append(en)
        self.zh.not_proved.append(zh)

    def sentences(self, language: str = "en") -> list[str]:
        """What has been proved, and then what has not."""
        said = self.zh if language == "zh-Hans" else self.en
        return [*said.proved, *said.not_proved]

    def as_json(self) -> Mapping[str, JSON]:
        """The same for machines."""
        return {"proved": True, "kind": self.kind, **self.facts}


def claimed(kind: str, head: Head, facts: dict[str, JSON]) -> Claimed:
    """A claim about a block, with what is said of every block."""
    return Claimed(
        kind,
        {
            "origin": head.origin,
            "block": head.block.number,
            "block_hash": head.block_hash.hex(),
            "day": head.block.as_of.isoformat(),
            "tree_size": head.tree_size,
            "cosignatures": [{"name": name, "time_s": time_s} for name, time_s in head.cosignatures],
            **facts,
        },
    )


def say_head(said: Claimed, head: Head, asked: Asked) -> None:
    """Which block of which ledger, who signed, how old, and who has seen it."""
    block = head.block
    said.proves(
        f"This is block {block.number:,} of the ledger {head.origin}, made on {moment(block.time)}; the ledger's key has "
        f"signed its head of {head.tree_size:,} entries, and that block is the last one.",
        f"这是账本 {head.origin} 的第 {block.number} 个区块，生成于 {moment(block.time)}；账本密钥签署了含 "
        f"{head.tree_size:,} 个条目的账本头，该区块是其中最后一个条目。",
    )
    age_s = max(int((asked.at - block.time).total_seconds()), 0)
    said.proves(
        f"Judged as of {moment(asked.at)}: the block is {duration_en(age_s)} old, "
        f"up to {duration_en(asked.max_age_s)} is allowed.",
        f"以 {moment(asked.at)} 为准：区块距今 {duration_zh(age_s)}，最长允许 {duration_zh(asked.max_age_s)}。",
    )
    if head.cosignatures:
        names = [name for name, _ in head.cosignatures]
        said.proves(
            f"Witnesses have cosigned that head: {', '.join(names)}.",
            f"见证方已联署该账本头：{'、'.join(names)}。",
        )
    else:
        said.proves_not(
            "Not proved: that everybody is shown the same ledger. No witness has cosigned, so nothing protects against "
            "a split view.",
            "未证明：所有人看到的是同一个账本。没有见证方联署，因此无法防范账本分叉（对不同的人出示不同的账本）。",
        )


def say_identity(said: Claimed, asked: Asked) -> None:
    """Whether it was checked whose key this is."""
    if asked.identifier is None:
        said.proves_not(
            "Not proved: whose file this is. No identifier was given, so only the key was checked.",
            "未证明：这是谁的档案。没有给出身份标识，因此只核对了密钥。",
        )
    else:
        said.proves(
            "The key is that of the identifier that was given; no other key can be its in this ledger.",
            "该密钥属于所给出的身份标识；在此账本中该标识不可能有其他密钥。",
        )


def moment(instant: dt.datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
