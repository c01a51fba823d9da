"""The sentences of the adverse-action letter (`core.exchange.letter`), in English and Chinese, with {places} to fill in."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """A language's sentences; headings are those ending in `_heading`."""

    title: str
    about: dict[str, str]
    opening: str
    score_heading: str
    score: str
    no_score_heading: str
    no_score: str
    reasons_heading: str
    reasons: str
    no_reasons: str
    gone: str
    decided_heading: str
    decided: str
    rights_heading: str
    rights: str
    each_right: tuple[str, ...]
    contact_heading: str
    bureau: str
    reference: str


EN: Final = Words(
    title="Notice of a decision by {bank}",
    about={
        "credit_application": "your application for credit",
        "account_review": "an account that you have there",
        "collection": "a debt that is being collected",
    },
    opening=(
        "{bank} has told us on {day} that it decided against you, or on terms less good than you asked for, about {about}."
        " It had asked Credence, a credit bureau, for your score before."
    ),
    score_heading="The score that was used",
    score=(
        "Your score was {score}, on a scale from {low} to {high} where higher is better. It stood for {scored_on}, and {bank}"
        " was told it on {answered_on}."
    ),
    no_score_heading="No score",
    no_score=(
        "On {answered_on} {bank} asked, and was told that there is not enough history for a number. That is not a low score."
        " What was missing:"
    ),
    reasons_heading="Reasons",
    reasons="What cost you points, the most first:",
    no_reasons="Nothing in your file cost you points.",
    gone=(
        "We no longer hold what your score was made of on that day: the time of something in your file has ended since, and"
        " it was destroyed with it. The proof that the bank got then still shows it."
    ),
    decided_heading="Who decided",
    decided=(
        "Credence did not take this decision and cannot explain it. Ask {bank} for its own reasons, and for a person who"
        " looks at your case again: a score must not be all that decides."
    ),
    rights_heading="Your rights",
    rights="All of this is free.",
    each_right=(
        "See your whole record, as often as you like. Your own look never changes your score.",
        "Dispute what is wrong. It is looked into within {dispute_days} days, and does not count against you until then.",
        "Add a statement of your own to an entry.",
        "Ask Credence for a person to look at your file with you.",
        "See everybody who looked at your file, when, and for what.",
    ),
    contact_heading="Where to turn",
    bureau="The credit bureau: Credence ({bureau}).",
    reference="Number of the answer: {reference}",
)

ZH: Final = Words(
    title="关于 {bank} 一项决定的通知",
    about={
        "credit_application": "您的信贷申请",
        "account_review": "您在该机构的账户",
        "collection": "一笔催收中的债务",
    },
    opening=(
        "{bank} 于 {day}告知我们：就{about}，该机构作出了对您不利的决定，或给出的条件不及您所申请的。"
        "此前，该机构曾向征信机构 Credence 查询您的信用评分。"
    ),
    score_heading="所用的信用评分",
    score=(
        "您的信用评分为 {score} 分（评分范围 {low} 至 {high} 分，分数越高越好）。"
        "这是 {scored_on}的评分，{bank} 于 {answered_on}获知。"
    ),
    no_score_heading="没有分数",
    no_score=(
        "{answered_on}，{bank} 查询了您的信用评分，得到的答复是：信息不足，无法给出分数。这不是低分。"
        "所缺信息如下："
    ),
    reasons_heading="原因",
    reasons="扣分的原因如下，扣分多的在前：",
    no_reasons="您的档案中没有扣分的项目。",
    gone=(
        "当日评分的构成，我们已不再保存：您档案中的某项信息此后保存期限届满，已依法销毁，评分构成也随之销毁。"
        "该机构当时取得的证明文件中仍有记载。"
    ),
    decided_heading="由谁决定",
    decided=(
        "该决定并非由 Credence 作出，我们也无法说明其理由。您可以要求 {bank} 说明具体理由，"
        "并由工作人员重新审核：信用评分不应是决定的唯一依据。"
    ),
    rights_heading="您的权利",
    rights="以下各项均不收费。",
    each_right=(
        "随时查看您的全部信用记录，次数不限；本人查询绝不影响评分。",
        "对错误信息提出异议。我们在 {dispute_days} 天内核查，核查期间该信息不会对您不利。",
        "为某项记录附上您本人的声明。",
        "要求 Credence 的工作人员与您一起核对档案。",
        "查看谁在何时、为何查询过您的档案。",
    ),
    contact_heading="联系方式",
    bureau="征信机构：Credence（{bureau}）。",
    reference="答复编号：{reference}",
)
