"""The fitted card that the product ships comes into force in a research ledger, once, and everybody is scored by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.cli.importing import adopt_fitted_card
from app.core.proving.proof_form import parse_score_proof
from app.core.scoring.scorecard import parse_card
from app.services.bureau import utc_now
from app.services.ledger import cards
from app.services.proving import proofs


def test_the_shipped_card_is_published_with_its_report_and_scores_everybody_anew(ledger):
    ledger.report(7, months=8)
    ledger.step()
    assert not adopt_fitted_card(ledger.home, ledger.url), "not a ledger of the research data"
    (ledger.home.path / "research.json").write_text("{}")
    ledger.clock.moment = utc_now()  # the command has the real clock
    with ThreadPoolExecutor(1) as pool:
        adopted = pool.submit(adopt_fitted_card, ledger.home, ledger.url)
        while not adopted.done():
            ledger.step()
        assert adopted.result()
    document, report = cards.fitted_card()
    published = cards.list_cards(ledger.bureau)[-1]
    assert (published.scorecard, published.in_force) == (parse_card(document).hash.hex(), True)
    assert cards.published_report(ledger.bureau, published.scorecard) == report
    with ledger.bureau.transaction() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM citizens")]
    assert len(ids) == 7
    for number in ids:
        proof = parse_score_proof(proofs.score_proof(ledger.bureau, number))
        assert proof.score.scorecard.hex() == published.scorecard
    assert not adopt_fitted_card(ledger.home, ledger.url), "only once"
