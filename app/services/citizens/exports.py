"""Everything that the bureau holds about a citizen, as one zip that verifies offline (R39). Its parts: `core.proving.export`.

    exports.export(bureau, citizen_id, "en")      bytes of the zip

Nothing is kept of it, and nothing is asked: what the citizen takes along is theirs. The proofs are from the newest published
block. What is in no proof (letters of banks, evidence handed in, questions to the bureau, the mail address, what is shared)
comes as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from app.core.fields import format_instant
from app.core.proving.export import build_export, plain_account, plain_events, pretty
from app.core.scoring import card_texts
from app.db import ledger
from app.services.banks import letters
from app.services.citizens import disputes, evidence, links, mailing, sharing
from app.services.ledger import witness_policy
from app.services.organisations import cases
from app.services.proving import claims, proofs

if TYPE_CHECKING:
    from app.services.bureau import Bureau

README = """\
CREDENCE: EVERYTHING ABOUT YOU

Check it on your own computer, without network and without asking us:

    credence verify {name}

That checks the signatures, works your score out again from the events, and compares the files that you can read with the
proofs. It uses the policy in this folder, which says what this ledger says about itself. Whoever wants to be careful takes
one that came another way:

    credence verify {name} --policy policy-from-elsewhere

The proofs are judged by their age as well: add --max-age 3650d for an old export.

What is here: manifest.json (whose, when), events.json (every event, in the order of the ledger), account.json (score,
points, summary of your file), scorecard.json (the published rules), score.proof and history.proof (the proofs), policy, and
in beside/ what is in no proof.


CREDENCE：有关您的全部内容

在您自己的电脑上即可核验，无需网络，也无需询问我们：

    credence verify {name}

该命令会核对签名，由各事件重新计算您的信用分，并将可直接阅读的文件与证明逐一比对。它使用本文件夹中的信任策略，
即该账本对自身的说明。如需更加谨慎，请使用从其他途径获得的信任策略：

    credence verify {name} --policy 其他途径的信任策略

核验时也会检查证明的时效：对较早的导出文件，请加上 --max-age 3650d。

文件说明：manifest.json（属于谁、何时导出）、events.json（全部事件，按账本顺序）、account.json（信用分、各项得分、
档案汇总）、scorecard.json（已公布的评分卡）、score.proof 与 history.proof（证明）、policy（信任策略），
以及 beside/ 中不属于证明的内容。
"""


def export(bureau: Bureau, citizen_id: int, name: str) -> bytes:
    """The zip, to be kept under this name. NotFoundError while the citizen is in no block."""
    history = claims.history_of(bureau, citizen_id)
    score = proofs.score_proof(bureau, citizen_id)
    said = {part: value for _, part, value in orjson.loads(score)["disclosures"]}
    with bureau.transaction() as connection:
        citizen = links.identifier_of(connection, links.hold(bureau, connection, citizen_id))
        card = ledger.document(connection, bytes.fromhex(said["score"]["scorecard"]))
        policy = witness_policy.own(bureau, connection)
    assert card is not None, "a score names a stored card"
    manifest = {
        "citizen": citizen,
        "kind": "export",
        "made_at": format_instant(bureau.now()),
        "origin": bureau.origin,
        "profile": bureau.genesis.profile,
        "v": 1,
    }
    files = {
        "README.txt": README.format(name=name).encode(),
        "manifest.json": pretty(manifest),
        "policy": policy,
        "score.proof": score,
        "history.proof": history,
        "scorecard.json": card,
        "events.json": plain_events(history),
        "account.json": plain_account(score),
    }
    return build_export(files | _beside(bureau, citizen_id))


def _beside(bureau: Bureau, citizen_id: int) -> dict[str, bytes]:
    """What is in no proof."""
    files: dict[str, bytes] = {}
    for listed in letters.of_citizen(bureau, citizen_id):
        made = letters.letter(bureau, listed.number, citizen_id=citizen_id)
        for language in card_texts.LANGUAGES:
            files[f"beside/letters/{listed.number}.{language}.txt"] = letters.as_text(made, language)
    asked = cases.of_citizen(bureau, citizen_id)
    if asked:
        files["beside/questions.json"] = pretty([_question(case) for case in asked])
    files |= _evidence(bureau, citizen_id)
    shown = [
        {
            "at_least": each.at_least,
            "audience": each.audience,
            "expires": format_instant(each.expires),
            "opened": each.opened,
        }
        for each in sharing.shares(bureau, citizen_id)
    ]
    mail = mailing.subscription(bureau, citizen_id)
    settings: dict[str, Any] = {"mail": "" if mail is None else mail.address, "shares": shown}
    files["beside/settings.json"] = pretty(settings)
    return files


def _question(case: cases.Case) -> dict[str, Any]:
    return {
        "about": case.about,
        "answer": case.answer,
        "opened_at": format_instant(case.opened_at),
        "question": case.question,
        "state": case.state,
    }


def _evidence(bureau: Bureau, citizen_id: int) -> dict[str, bytes]:
    """Files handed in with disputes, under names that a zip and every machine can take."""
    items = {view.dispute.item for view in disputes.of_citizen(bureau, citizen_id)}
    files = {}
    with bureau.transaction() as connection:
        person = links.hold(bureau, connection, citizen_id)
        for item in sorted(items):
            for each in (
                file for bundle in evidence.filed(connection, person, item).values() for file in bundle
            ):
                safe = re.sub(r"[^\w.-]+", "_", each.name).strip("._") or "file"
                files[f"beside/evidence/{item}/{each.number}-{safe}"] = each.data
    return files
