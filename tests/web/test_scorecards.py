"""`/v1/scorecards`: what is published can be read by everybody, byte for byte (R37)."""

from hashlib import sha256

import pytest

from app.core.scoring.scorecard import expert_card
from app.services.ledger.cards import Publication, publish_card
from tests.services.builders import card

EXPERT = expert_card()
OTHER, REPORT = card("Beside", 5), b'{ "auc": 0.77 }'


@pytest.fixture(scope="module")
def published(world):
    """A challenger with a report, which changes nobody's score, and a card that waits."""
    bureau = world.bureau
    today = bureau.local_day(bureau.now())
    with bureau.transaction() as connection:
        publish_card(connection, Publication(OTHER, "challenger", today, REPORT), bureau.now())
    world.step()
    return sha256(OTHER).hexdigest()


def test_the_list(client, world, published):
    answer = client.get("/v1/scorecards")
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    first, *_, last = answer.get_json()["scorecards"]
    assert first == {
        "scorecard": EXPERT.hash.hex(), "name": EXPERT.name, "role": "champion", "from": first["from"], "report": None,
        "index": 3, "in_force": True,
    }  # fmt: skip
    assert (last["scorecard"], last["role"], last["in_force"]) == (published, "challenger", True)
    assert last["report"] == sha256(REPORT).hexdigest()
    assert last["index"] > 3


def test_the_documents_are_byte_for_byte(client, published):
    answer = client.get(f"/v1/scorecards/{EXPERT.hash.hex()}")
    assert (answer.status_code, answer.content_type, answer.data) == (
        200,
        "application/json",
        EXPERT.document,
    )
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(f"/v1/scorecards/{published}").data == OTHER
    answer = client.get(f"/v1/scorecards/{published}/report")
    assert (answer.status_code, answer.content_type, answer.data) == (200, "application/json", REPORT)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("0" * 64, "unknown-scorecard"), ("0" * 64 + "/report", "unknown-scorecard"),
        (EXPERT.hash.hex() + "/report", "no-report"), (sha256(REPORT).hexdigest(), "unknown-scorecard"),
        ("0" * 63, "not-found"), (EXPERT.hash.hex().upper(), "not-found"), ("..", "not-found"),
    ],
)  # fmt: skip
def test_what_is_not_there(client, published, path, code):
    answer = client.get(f"/v1/scorecards/{path}")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.get_json()["code"] == code


def test_every_score_names_a_card_that_is_served(client, world):
    from app.services.proving import proofs

    with world.bureau.transaction() as connection:
        snapshot = proofs.snapshot(world.bureau, connection)
    import json

    used = json.loads(snapshot.block.entry)["scorecard"]
    assert sha256(client.get(f"/v1/scorecards/{used}").data).hexdigest() == used


def test_the_description_has_them(client):
    paths = client.get("/v1/openapi.json").get_json()["paths"]
    for path in ("", "/{scorecard}", "/{scorecard}/report"):
        described = paths[f"/v1/scorecards{path}"]["get"]
        assert list(described["responses"]["200"]["content"]) == ["application/json"]
        assert ("404" in described["responses"]) == bool(path)


def test_the_challenger_is_shown_in_no_page_and_no_proof(client, world, published):
    """R37: it is scored without being shown."""
    from app.services.proving import proofs
    from app.services.scoring import challenger
    from tests.web.conftest import CITIZEN

    _, beside = challenger.cards_in_force(world.bureau)
    assert challenger.score_all(world.bureau, beside, lambda _: None) > 0
    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [CITIZEN])[CITIZEN]
    proof = proofs.score_proof(world.bureau, person.id)
    assert published.encode() not in proof
    assert b"Beside" not in client.get("/").data
