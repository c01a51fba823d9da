"""A bank's day in a real browser: apply, ask about one, be refused, ask about many, hear of corrections. The key never leaves it."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile

import pytest

from app.core.log.note import Signer
from tests.web.conftest import BANK, CITIZEN, FROZEN, THIN
from tests.web.test_browser import CHROMIUM, WIDTHS, address, browser, judge, visit

__all__ = ["address", "browser", "visit"]
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)

# Every page in both languages and both widths, and no more than that; the first page in all four.
BOTH = pytest.mark.parametrize(("language", "width"), [("en", "desktop"), ("zh", "phone")])


@pytest.fixture(scope="module")
def key_file(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "bank.example.key"
    path.write_text(world.signers[BANK].encode() + "\n")
    return path


@pytest.fixture
def watched(visit):
    """visit, and everything that the page sends."""
    sent = []

    def new(*args, **more):
        page = visit(*args, **more)
        page.on("request", lambda request: sent.append((request.url, request.post_data or "")))
        return page

    new.sent = sent
    return new


def secret_parts(key_file):
    """What of a key file must never be sent: its last part, and the seed in hex."""
    from base64 import b64decode

    material = key_file.read_text().strip().split("+", 4)[4]
    return material, b64decode(material)[1:].hex()


def ask(page, citizen, purpose="credit_application"):
    page.fill("#citizen", citizen)
    page.select_option("#purpose", purpose)
    page.click("form[data-act] button.govuk-button")


def ready(page, path):
    page.goto(path)
    page.wait_for_selector("form[data-ready]", state="attached")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_asking_about_one_and_saving_what_was_answered(watched, world, key_file, language, width):
    page = watched(language, width)
    ready(page, "/bank")
    judge(page, "bank", language, width)
    ask(page, CITIZEN)
    page.wait_for_selector("#sign-error:not([hidden])")
    judge(page, "bank-error", language, width)
    page.set_input_files("#key", key_file)
    ask(page, "uci:0")
    page.wait_for_selector("#sign-error:not([hidden])")
    ask(page, CITIZEN)
    page.wait_for_selector(".credence-verdict--good")
    said = {"en": "the proof holds", "zh": "证明成立"}[language]
    assert said in page.inner_text("[data-part=verdict]")
    assert page.evaluate("document.activeElement.className").startswith("credence-panel")
    page.click("#answer summary")
    judge(page, "bank-answer", language, width)
    with page.expect_download() as saved:
        page.click("[data-save='score.proof']")
    from app.core.proving.proof import verify_score_proof

    proof = saved.value.path().read_bytes()
    policy = page.request.get("/policy").body()
    score = verify_score_proof(proof, policy, at=world.bureau.now(), identifier=CITIZEN).score
    assert str(score) in page.inner_text(".credence-score")
    ask(page, FROZEN)  # the key is still chosen
    frozen = {"en": "has frozen the file", "zh": "已冻结档案"}[language]
    page.wait_for_selector(f"#answer :text('{frozen}')")
    judge(page, "bank-refused", language, width)
    secret, seed = secret_parts(key_file)
    bodies = "".join(url + body for url, body in watched.sent)
    assert secret not in bodies
    assert seed not in bodies
    assert not [url for url, _ in watched.sent if "uci" in url]


def test_an_answer_that_was_changed_on_its_way_is_not_believed(watched, key_file):
    page = watched()

    def change(route):
        answer = route.fetch()
        higher = r"(\\u0022score\\u0022:|\\\"score\\\":)(\d+)"
        text, count = re.subn(higher, lambda found: f"{found[1]}{int(found[2]) + 1}", answer.text(), count=1)
        assert count == 1
        route.fulfill(response=answer, body=text)

    ready(page, "/bank")
    page.set_input_files("#key", key_file)
    page.route("**/bank", change)
    ask(page, CITIZEN)
    page.wait_for_selector(".credence-verdict--bad")


@BOTH
def test_asking_about_many(watched, world, key_file, tmp_path, language, width):  # noqa: PLR0917
    page = watched(language, width)
    ready(page, "/bank/many")
    judge(page, "bank-many", language, width)
    listed = tmp_path / "customers.csv"
    listed.write_text(f'citizen,case\r\n{CITIZEN},"a-1"\r\n\r\n{THIN},\r\n{FROZEN},b-2\r\n')
    page.set_input_files("#key", key_file)
    page.set_input_files("#list", listed)
    page.click("form[data-act] button.govuk-button")
    page.wait_for_selector("[data-part=saves]:not([hidden])")
    counts = [page.inner_text(f"[data-part={each}]") for each in ("count", "answered", "refused", "other")]
    assert counts == ["3", "1", "2", "0"]
    judge(page, "bank-many-answers", language, width)
    with page.expect_download() as saved:
        page.click("[data-save='results.csv']")
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text())))
    assert [(row["line"], row["citizen"], row["outcome"]) for row in rows] == [
        ("2", CITIZEN, "answered"),
        ("3", THIN, "no-consent"),
        ("4", FROZEN, "frozen"),
    ]
    with page.expect_download() as saved:
        page.click("[data-save='answers.zip']")
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "inquiries.batch",
            "results.csv",
            "answers.ndjson",
            "proofs/2.proof",
        ]
        told = [json.loads(line) for line in archive.read("answers.ndjson").splitlines()]
        proof, batch = archive.read("proofs/2.proof"), archive.read("inquiries.batch")
    assert [each["line"] for each in told] == [2, 3, 4]
    from app.client import inquiries_of
    from app.core.proving.proof import verify_score_proof

    policy = page.request.get("/policy").body()
    verified = verify_score_proof(proof, policy, at=world.bureau.now(), identifier=CITIZEN)
    assert str(verified.score) == rows[0]["score"]
    assert [each.case for each in inquiries_of(batch)] == ["a-1", None, "b-2"]


def test_a_stream_that_breaks_off_is_asked_for_again_with_the_same_batch(watched, world, key_file, tmp_path):
    page = watched()
    ready(page, "/bank/many")
    (tmp_path / "list.txt").write_text(f"{CITIZEN}\n{FROZEN}\n")
    page.set_input_files("#key", key_file)
    page.set_input_files("#list", tmp_path / "list.txt")
    page.route(
        "**/v1/inquiries/bulk",
        lambda route: route.fulfill(
            status=200, body=route.fetch().text().splitlines(keepends=True)[0] + '{"cut'
        ),
        times=1,
    )
    page.click("form[data-act] button.govuk-button")
    page.click("[data-save=again]")
    page.wait_for_selector("[data-part=refused]:text-is('1')")
    bodies = [body for url, body in watched.sent if url.endswith("/bulk")]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    (tmp_path / "twice.txt").write_text(f"{CITIZEN}\n{CITIZEN}\n")
    page.set_input_files("#list", tmp_path / "twice.txt")
    page.click("form[data-act] button.govuk-button")
    page.wait_for_selector("#sign-error:not([hidden])")
    assert "3: " in page.inner_text("#sign-error")


@BOTH
def test_corrections_and_what_was_sent(watched, world, key_file, language, width):
    from app.services.organisations import seats

    seat = seats.find(world.bureau, BANK, "bank", "A. Chen") or seats.add(
        world.bureau, BANK, "bank", "A. Chen"
    )
    page = watched(language, width)
    ready(page, "/bank/corrections")
    page.set_input_files("#key", key_file)
    page.click("form[data-act] button.govuk-button")
    page.wait_for_selector("#answer [data-part=after]")
    judge(page, "bank-corrections", language, width)
    page.goto(f"/seat/open/{seats.create_link(world.bureau, seat.id)}")
    page.click("main button[type=submit]")
    page.goto("/bank/inquiries")
    judge(page, "bank-sent", language, width)


@BOTH
def test_applying_for_a_key(watched, world, tmp_path, language, width):
    new = Signer.generate_from_seed(f"new-{language}-{width}.example", bytes(32))
    path = tmp_path / "new.key"
    path.write_text(new.encode() + "\n")
    page = watched(language, width)
    ready(page, "/bank/apply")
    judge(page, "bank-apply", language, width)
    page.click("#sign")
    page.wait_for_selector("#sign-error:not([hidden])")
    page.fill("#organisation", "New Bank, Xiong'an")
    page.fill("#contact", "Z. Li")
    page.set_input_files("#key", path)
    page.click("#sign")
    page.wait_for_url("**/bank/apply/*")
    judge(page, "bank-applied", language, width)
    from app.services.organisations import applications

    found = applications.of_reference(world.bureau, page.url.rsplit("/", 1)[1])
    assert (found.vkey, found.state) == (new.verifier.encode(), "open")
    secret, seed = secret_parts(path)
    bodies = "".join(url + body for url, body in watched.sent)
    assert secret not in bodies
    assert seed not in bodies
