"""docs/operations.md, walked through: backups, restores, and every reason for which the sequencer refuses to sign."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from app.cli import main
from app.core.errors import RefusedError, SignatureError
from app.core.log import checkpoint
from app.core.log.note import Signer
from app.db import pgbin
from app.db.engine import normalise_url
from app.db.schema import SHORT_LIVED
from app.services.bureau import Bureau
from app.services.home import Home
from app.services.ledger import block_maker, figures, public_log, publishing
from app.services.ledger.founding import Charter, found
from app.services.ledger.sequencer import Sequencer
from app.services.proving import proofs
from tests.services import replay
from tests.services.builders import ORIGIN

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTION = "The sequencer refuses to sign"


@pytest.fixture
def databases(administer, ledger):
    """A function that copies a database of the test's server, by default the ledger's: the new one's URL."""
    made = []

    def copy(source=None):
        url = make_url(source or ledger.url)
        ledger.bureau.engine.dispose()
        name = f"credence_backup_{os.getpid()}_{len(made)}"
        administer(f"CREATE DATABASE {name} TEMPLATE {url.database if source != '' else 'template0'}")
        made.append(name)
        return make_url(ledger.url).set(database=name).render_as_string(hide_password=False)

    yield copy
    for name in made:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


def sequence(ledger, url=None, home=None):
    """One step of a sequencer that starts on a database with a home: whether there was a block."""
    bureau = Bureau.open(home or ledger.home, url or ledger.url, now=ledger.clock)
    try:
        with Sequencer(bureau) as sequencer:
            return sequencer.step(now=True)
    finally:
        bureau.close()


def refusal(ledger, url=None, home=None):
    """(code, sentence) with which the sequencer refuses; nothing was signed or changed by it."""
    home = home or ledger.home
    head = home.head.read_bytes() if home.head.exists() else None
    blocks = replay.Rows(url or ledger.url).blocks
    with pytest.raises(RefusedError) as refused:
        sequence(ledger, url, home)
    assert replay.Rows(url or ledger.url).blocks == blocks
    assert (home.head.read_bytes() if home.head.exists() else None) == head
    assert f"docs/operations.md, '{SECTION}'" in refused.value.detail
    assert f"\n### {refused.value.code}\n" in OPERATIONS, "the procedure has a section for it"
    return refused.value.code, refused.value.detail


def command(*arguments, url, home):
    """`credence ...` in this process: (exit code, output)."""
    environment = {"DATABASE_URL": url, "CREDENCE_HOME": str(home.path)}
    result = CliRunner().invoke(main, [str(a) for a in arguments], env=environment, prog_name="credence")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def outside(ledger, tmp_path):
    """A function that keeps the newest published checkpoint, as somebody outside would: its file."""

    def keep(name="outside.checkpoint"):
        path = tmp_path / name
        path.write_bytes(public_log.checkpoint(ledger.bureau))
        return path

    return keep


# ---- rolled-back


def test_older_backup_is_refused_and_the_newest_goes_on(ledger, databases):
    ledger.report(2)
    ledger.step()
    older = databases()
    older_size = checkpoint.parse_note(public_log.checkpoint(ledger.bureau)).size
    ledger.report(3, first=3)
    ledger.step()
    newest = databases()
    head = checkpoint.parse_note(public_log.checkpoint(ledger.bureau))

    code, sentence = refusal(ledger, older)
    assert code == "rolled-back"
    assert f"its newest tree has {older_size:,} entries" in sentence
    assert f"a tree of {head.size:,} entries was already signed" in sentence

    ledger.report(1, first=6)  # the wrong database goes on admitting; step 5 of the procedure
    restored = databases(newest)
    assert sequence(ledger, restored) is False, "it has every block that was signed"
    bureau = Bureau.open(ledger.home, restored, now=ledger.clock)
    ledger.bureau.close()
    ledger.bureau, ledger.url = bureau, restored
    ledger.report(1, first=6)
    assert ledger.step()
    found_now = replay.check(restored, ledger.home)
    assert (found_now.blocks, found_now.events) == (3, 7 * 6)


def test_command_says_the_sentence_and_ends_with_1(ledger, databases):
    older = databases()
    ledger.report(1)
    ledger.step()
    result = subprocess.run(
        [sys.executable, "-m", "app.cli", "sequencer"],
        env=os.environ | {"DATABASE_URL": older, "CREDENCE_HOME": str(ledger.home.path)},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("Error: the database was rolled back: its newest tree has 0 entries")
    assert "[rolled-back]" in result.stderr
    assert "Traceback" not in result.stderr


def test_readers_are_served_while_the_sequencer_refuses(ledger, databases):
    ledger.report(1)
    ledger.step()
    older = databases()
    ledger.report(1, first=2)
    ledger.step()
    refusal(ledger, older)
    bureau = Bureau.open(ledger.home, older, now=ledger.clock)
    assert checkpoint.open_checkpoint(public_log.checkpoint(bureau), bureau.verifier)
    with bureau.transaction() as connection:
        assert proofs.snapshot(bureau, connection).trie.accounts == 1
    assert figures.ready(bureau) == ["no sequencer is at work"]
    bureau.close()


def test_empty_database_beside_a_signed_head_founds_no_second_ledger(ledger, databases, template_database):
    ledger.report(1)
    ledger.step()
    name = make_url(ledger.url).set(database=template_database)
    empty = databases(name.render_as_string(hide_password=False))
    with pytest.raises(RefusedError, match="signed head of a ledger, but this database is empty") as refused:
        found(ledger.home, Charter(ORIGIN, "uci", "cn", 480), empty, now=ledger.clock)
    assert refused.value.code == "rolled-back"


def test_adopting_a_head_does_not_get_past_a_rollback(ledger, databases, outside):
    ledger.report(1)
    ledger.step()
    old, older = outside("old"), databases()
    ledger.report(1, first=2)
    ledger.step()
    new = outside("new")
    head = ledger.home.head.read_bytes()
    for note in (new, old):  # one that knows of the lost block; and one that does not, but the copy does
        code, output = command("checkpoint", "--adopt-head", note, url=older, home=ledger.home)
        assert (code, "[rolled-back]" in output) == (1, True)
        assert ledger.home.head.read_bytes() == head
    ledger.home.head.unlink()
    code, output = command("checkpoint", "--adopt-head", new, url=older, home=ledger.home)
    assert (code, "[rolled-back]" in output, ledger.home.head.exists()) == (1, True, False)


# ---- forked


@pytest.fixture
def fork(ledger, databases, tmp_path):
    """A function that lets a copy of everything go its own way with one more block of `citizens` reports."""

    def go(citizens):
        url, folder = databases(), tmp_path / "fork"
        shutil.copytree(ledger.home.path, folder)
        own = ledger.bureau, ledger.home, ledger.url
        ledger.home, ledger.url = Home(folder), url
        ledger.bureau = ledger.reopen()
        ledger.report(citizens, first=100)
        ledger.step()
        ledger.bureau.close()
        ledger.bureau, ledger.home, ledger.url = own
        return url, Home(folder)

    return go


@pytest.mark.parametrize(("citizens", "says"), [(1, "its root is [0-9a-f]{64}"), (2, "no block ends there")])
def test_database_with_another_tree_is_refused(ledger, fork, citizens, says):
    ledger.report(1)
    ledger.step()
    other_url, other_home = fork(citizens)
    ledger.report(1, first=2)
    ledger.step()
    code, sentence = refusal(ledger, other_url)
    assert code == "forked"
    assert re.search(says, sentence)
    assert checkpoint.parse_note(ledger.home.head.read_bytes()).root.hex() in sentence
    assert sequence(ledger) is False, "step 3: the database that has the signed head goes on"
    assert sequence(ledger, other_url, other_home) is False, "each is consistent in itself; that is the point"


# ---- head-missing


def test_lost_copy_is_made_anew_with_a_checkpoint_from_outside(ledger, outside):
    ledger.report(1)
    ledger.step()
    kept = outside()
    ledger.report(1, first=2)
    ledger.step()
    newest = ledger.home.head.read_bytes()
    ledger.home.head.unlink()
    code, sentence = refusal(ledger)
    assert code == "head-missing"
    assert "the database holds 2 blocks" in sentence

    code, output = command("checkpoint", "--adopt-head", kept, url=ledger.url, home=ledger.home)
    assert (code, "Start the sequencer" in output) == (0, True)
    assert ledger.home.head.read_bytes() == newest, "the newest published head, not the one that was given"
    ledger.report(1, first=3)
    assert sequence(ledger)
    assert replay.check(ledger.url, ledger.home).blocks == 3


@pytest.mark.parametrize("damage", [b"", b"\xff", b"truncated"], ids=["empty", "not UTF-8", "truncated"])
def test_damaged_copy_is_refused_and_made_anew(ledger, outside, damage):
    ledger.report(1)
    ledger.step()
    kept = outside()
    whole = ledger.home.head.read_bytes()
    ledger.home.head.write_bytes(whole[:-20] if damage == b"truncated" else damage)
    code, sentence = refusal(ledger)
    assert (code, "is damaged" in sentence) == ("head-missing", True)
    assert command("checkpoint", "--adopt-head", kept, url=ledger.url, home=ledger.home)[0] == 0
    assert ledger.home.head.read_bytes() == whole
    assert sequence(ledger) is False


def test_only_a_checkpoint_of_this_ledger_makes_a_copy(ledger):
    ledger.report(1)
    ledger.step()
    note = public_log.checkpoint(ledger.bureau)
    head = checkpoint.parse_note(note)
    ledger.home.head.unlink()
    stranger = Signer.generate_from_seed(ORIGIN, b"x" * 32)
    with pytest.raises(SignatureError):
        publishing.adopt_head(ledger.bureau, checkpoint.sign_checkpoint(stranger, head))
    other = checkpoint.Checkpoint(head.origin, head.size, bytes(32))
    with pytest.raises(RefusedError) as refused:
        publishing.adopt_head(ledger.bureau, checkpoint.sign_checkpoint(ledger.home.signer("ledger"), other))
    assert refused.value.code == "forked"
    with ledger.sequencer(), pytest.raises(RefusedError, match="stop it first"):
        publishing.adopt_head(ledger.bureau, note)
    assert not ledger.home.head.exists()
    assert publishing.adopt_head(ledger.bureau, note) == head


# ---- head-moved


def test_copy_that_is_older_than_what_was_published_is_refused_before_anything_is_signed(ledger, outside):
    ledger.report(1)
    ledger.step()
    older = ledger.home.head.read_bytes()
    ledger.report(1, first=2)
    ledger.step()
    kept, newest = outside(), ledger.home.head.read_bytes()
    ledger.home.head.write_bytes(older)
    ledger.report(1, first=3)
    assert refusal(ledger)[0] == "head-moved"
    assert command("checkpoint", "--adopt-head", kept, url=ledger.url, home=ledger.home)[0] == 0
    assert ledger.home.head.read_bytes() == newest
    assert sequence(ledger)
    assert replay.check(ledger.url, ledger.home).blocks == 3


def test_copy_that_moves_under_a_sequencer_at_work_stops_it_before_readers_see_the_block(ledger):
    ledger.report(1)
    with ledger.sequencer() as sequencer:
        sequencer.step(now=True)
        older = ledger.home.head.read_bytes()
        ledger.report(1, first=2)
        sequencer.step(now=True)
        seen = public_log.checkpoint(ledger.bureau)
        ledger.home.head.write_bytes(older)
        ledger.report(1, first=3)
        with pytest.raises(RefusedError) as refused:
            sequencer.step(now=True)
    assert refused.value.code == "head-moved"
    assert public_log.checkpoint(ledger.bureau) == seen


# ---- backups as written


def test_backup_and_restore_with_the_commands_of_the_page(ledger, databases, tmp_path):
    tools = pgbin.choose(ledger.home.path / "no-data", None).bindir
    if not (tools / "pg_dump").exists():
        pytest.skip("no pg_dump here")
    ledger.report(3)
    ledger.step()
    before = replay.check(ledger.url, ledger.home)
    restored = databases("")

    def run(line, **names):
        line = line.replace('"$DATABASE_URL"', plain(ledger.url)).replace(
            "--dbname=credence_restored", f"--dbname={plain(restored)}"
        )
        program, *arguments = line.split()
        subprocess.run([str(tools / program), *arguments], cwd=tmp_path, check=True, capture_output=True)

    commands = re.findall(r"^    (pg_(?:dump|restore) .*)$", OPERATIONS, re.MULTILINE)
    assert [line.split()[-1] for line in commands] == ['"$DATABASE_URL"'] * 2 + ["ledger.dump", "keys.dump"]
    left_out = [f"--exclude-table-data={table.name}" for table in SHORT_LIVED]
    assert commands[0].split()[2:-2] == left_out, "what is destroyed must be gone from old backups too"
    assert [each.partition("=")[2] for each in left_out] == re.findall("--table=([a-z_]+)", commands[1])
    run(commands[0])
    run(commands[1])
    run(commands[2])
    assert replay.Rows(restored).citizens == {}, "an ordinary backup opens nothing"
    run(commands[3])
    assert replay.check(restored, ledger.home) == before
    assert sequence(ledger, restored) is False


def plain(url):
    """A SQLAlchemy URL as libpq wants it."""
    return normalise_url(url).replace("postgresql+psycopg://", "postgresql://")


# ---- the page itself


def test_every_environment_variable_is_on_the_page():
    sources = [*(ROOT / "app").rglob("*.py"), ROOT / "wsgi.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r"\bCREDENCE_[A-Z][A-Z_]*[A-Z]\b", text)) | {"DATABASE_URL", "PG_BINDIR"}
    table = OPERATIONS.split("## Environment variables")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == read


def test_every_reason_to_refuse_has_its_procedure():
    source = "".join(Path(room.__file__).read_text(encoding="utf-8") for room in (block_maker, publishing))
    codes = set(re.findall(r'code="(rolled-back|forked|behind-witness|enrolled-twice|head-[a-z]+)"', source))
    section = OPERATIONS.split(f"## {SECTION}")[1]
    assert set(re.findall(r"^### ([a-z-]+)$", section, re.MULTILINE)) == codes


def test_every_command_on_the_page_exists():
    from app.cli import COMMANDS

    named = set(re.findall(r"(?<!/)credence ([a-z]+)(?= |`|\n|$)", OPERATIONS))
    assert named <= set(COMMANDS), named - set(COMMANDS)


def test_service_runs_as_a_user_who_is_a_member_of_the_role_and_nothing_else(ledger, administer):
    name = f"credence_web_{os.getpid()}"
    administer(f"CREATE ROLE {name} LOGIN")
    try:
        administer(f"GRANT credence_app TO {name}")
        url = make_url(ledger.url).set(username=name).render_as_string(hide_password=False)
        ledger.bureau.close()
        ledger.bureau = ledger.reopen(url)
        ledger.report(2)
        with ledger.sequencer() as sequencer:
            assert sequencer.step(now=True)
            assert figures.ready(ledger.bureau) == []
        assert replay.check(ledger.url, ledger.home).events == 14
        ledger.bureau.close()
    finally:
        administer(f"DROP ROLE {name}")
