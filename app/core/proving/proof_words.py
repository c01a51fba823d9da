"""What a verified score proof says, in sentences for people: first what is proved, then what is not.

The second half matters as much. A proof can be perfectly good and still say nothing about whose file it is,
or be shown from a ledger that others see differently. A reader who is told only "verified" will believe too
much.

    Proved: block 17 of the ledger demo.example/ledger, made on 2026-11-22 at 15:24:00 UTC, gives this file
    the score 712 for the day 2026-11-22, on the scale from 300 to 850. ... Not proved: whose file this is.
    ...

Languages: `en` and `zh-Hans`. Every sentence stands by itself; those of the second half begin with "Not
proved:" or "未证明：".
"""
# ruff: noqa: RUF001, RUF002 - Chinese has punctuation of its own

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from app.core.errors import FormatError
from app.core.proving.claims.head import duration_en, duration_zh
from app.core.scoring.card_texts import LANGUAGES, criterion_name, is_known

if TYPE_CHECKING:
    from app.core.proving.proof import Verified

_WHY_EN: Final = {
    "too_young": "no account is six months old and fewer than six months of bills were reported on time",
    "nothing_reported": "nothing was reported in the last six months",
}
_WHY_ZH: Final = {
    "too_young": "没有任何账户满六个月，按时缴费记录也不足六个月",
    "nothing_reported": "最近六个月没有任何上报记录",
}
_HIDDEN_EN: Final = {
    "history": "the list of events (history)",
    "receipt": "the points per criterion (receipt)",
    "file": "the accounts and records (file)",
    "flags": "the warnings (flags)",
}
_HIDDEN_ZH: Final = {
    "history": "事件历史（history）",
    "receipt": "各项得分（receipt）",
    "file": "账户与记录（file）",
    "flags": "提示标记（flags）",
}


def sentences(verified: Verified, language: str) -> list[str]:
    """The sentences about `verified`, in `en` or `zh-Hans`; FormatError for any other language."""
    if language == "en":
        return [*_proved_en(verified), *_not_proved_en(verified)]
    if language == "zh-Hans":
        return [*_proved_zh(verified), *_not_proved_zh(verified)]
    raise FormatError(f"There are no sentences in {language!r}, only in {' and '.join(LANGUAGES)}.")


# ---- English ----------------------------------------------------------------------------------------------


def _proved_en(v: Verified) -> list[str]:
    what = f"gives this file the score {v.score} for the day {v.day}, on the scale from 300 to 850"
    if v.score is None:
        why = " and ".join(_WHY_EN[reason] for reason in v.insufficient)
        what = f"gives this file no score for the day {v.day}: insufficient history, because {why}"
    said = [
        (
            f"Proved: block {v.block_number} of the ledger {v.origin}, made on {_moment_en(v.block_time)}, "
            f"{what}."
        ),
        f"It was worked out on {v.as_of}. If nothing new is reported, it stands through {_last_day(v)}.",
    ]
    if v.disputed:
        items = "1 item is" if v.disputed == 1 else f"{v.disputed} items are"
        said.append(f"{items} in dispute and cannot lower it.")
    if v.receipt is not None and v.score is not None:
        said.append(
            f"The base of {v.receipt.base} and the points of {len(v.receipt.criteria)} criteria add up to "
            "exactly this score."
        )
        if v.receipt.reasons:
            said.append(
                f"Most points were lost on: {', '.join(_criterion(name, 'en') for name in v.receipt.reasons)}."
            )
    said.append(
        f"The ledger's key has signed its head of {v.tree_size:,} entries, and that block is the last one."
    )
    if v.cosignatures:
        enough = "which the policy accepts" if v.quorum_required else "though the policy asks for none"
        names = ", ".join(name for name, _ in v.cosignatures)
        said.append(f"Witnesses have cosigned that head, {enough}: {names}.")
    if v.identity_checked:
        said.append(
            "The file belongs to the identifier that was given, and that identifier has no other file here."
        )
    age, allowed = duration_en(_age_s(v)), duration_en(v.max_age_s)
    said.append(f"Judged as of {_moment_en(v.at)}: the block is {age} old, up to {allowed} is allowed.")
    return said


def _not_proved_en(v: Verified) -> list[str]:
    said = []
    if not v.identity_checked:
        said.append(
            "Not proved: whose file this is. No identifier was given, so the citizen was not checked."
        )
    if not v.cosignatures:
        said.append(
            "Not proved: that everybody is shown the same ledger. The policy asks for no witnesses, so "
            "nothing protects against a split view."
        )
    said.append(
        "Not proved: that the score follows from the reported events. The bureau is bound to its answer; an "
        "audit shows whether it is right."
    )
    if v.hidden:
        said.append(f"Not shown, and so not proved: {', '.join(_HIDDEN_EN[name] for name in v.hidden)}.")
    said.append(f"Not proved: anything about events admitted after that block ({_moment_en(v.block_time)}).")
    return said


def _criterion(name: str, language: str) -> str:
    """A criterion as a card's reader knows it; another card's may be unknown here, and keeps its name."""
    words = criterion_name(name, language) if is_known(name) else name
    return words[:1].lower() + words[1:]


def _moment_en(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d} at {moment:%H:%M:%S} UTC"


# ---- Chinese ----------------------------------------------------------------------------------------------


def _proved_zh(v: Verified) -> list[str]:
    what = f"该档案在 {v.day} 的信用分为 {v.score} 分（范围 300 至 850 分）"
    if v.score is None:
        why = "、".join(_WHY_ZH[reason] for reason in v.insufficient)
        what = f"该档案在 {v.day} 历史不足，没有信用分，原因是：{why}"
    said = [
        (
            f"已证明：根据账本 {v.origin} 的第 {v.block_number} 号区块"
            f"（生成于 {_moment_zh(v.block_time)}），{what}。"
        ),
        f"该结果计算于 {v.as_of}；若无新的上报，有效至 {_last_day(v)}（含当日）。",
    ]
    if v.disputed:
        said.append(f"有 {v.disputed} 项记录处于异议中，不作不利计算。")
    if v.receipt is not None and v.score is not None:
        said.append(f"基础分 {v.receipt.base} 与 {len(v.receipt.criteria)} 项指标得分之和恰好等于该信用分。")
        if v.receipt.reasons:
            said.append(
                f"失分最多的指标：{'、'.join(_criterion(name, 'zh-Hans') for name in v.receipt.reasons)}。"
            )
    said.append(f"账本密钥签署了含 {v.tree_size:,} 个条目的账本头，上述区块是其中最后一个条目。")
    if v.cosignatures:
        enough = "符合信任策略的要求" if v.quorum_required else "尽管信任策略并未要求见证"
        names = "、".join(name for name, _ in v.cosignatures)
        said.append(f"见证方已联署该账本头，{enough}：{names}。")
    if v.identity_checked:
        said.append("该档案属于所给出的身份标识，并且该标识在此账本中没有其他档案。")
    age, allowed = duration_zh(_age_s(v)), duration_zh(v.max_age_s)
    said.append(f"以 {_moment_zh(v.at)} 为准：区块距今 {age}，最长允许 {allowed}。")
    return said


def _not_proved_zh(v: Verified) -> list[str]:
    said = []
    if not v.identity_checked:
        said.append("未证明：这是谁的档案。没有给出身份标识，因此未核对本人身份。")
    if not v.cosignatures:
        said.append(
            "未证明：所有人看到的是同一个账本。信任策略不要求见证方，因此无法防范账本分叉（对不同的人出示不同的账本）。"
        )
    said.append("未证明：信用分确由所上报的事件得出。征信机构受其答复约束，其正确与否须经审计确认。")
    if v.hidden:
        said.append(f"未出示，因此未证明：{'、'.join(_HIDDEN_ZH[name] for name in v.hidden)}。")
    said.append(f"未证明：该区块（{_moment_zh(v.block_time)}）之后受理的任何事件。")
    return said


def _moment_zh(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


# ---- for both ---------------------------------------------------------------------------------------------


def _last_day(v: Verified) -> dt.date:
    """The last day for which the leaf speaks: the one before `until`."""
    return v.until - dt.timedelta(days=1)


def _age_s(v: Verified) -> int:
    """Seconds between the block and the moment of judging; 0 for a block of a clock that runs ahead."""
    return max(int((v.at - v.block_time).total_seconds()), 0)
