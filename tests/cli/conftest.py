"""A command line to run, files to run it on, and (for the commands that talk to one) a real bureau on loopback."""

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

VECTORS = Path(__file__).parent.parent / "vectors"
CREDENCE = Path(sys.executable).with_name("credence")


def load_make():
    """The maker of the test vectors."""
    spec = importlib.util.spec_from_file_location("vectors_make_for_cli", VECTORS / "make.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make():
    return load_make()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with every proof of the vectors that is bytes: score.proof, policy, policy-witnessed, cases/*.proof."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENCE_URL", raising=False)
    cases = {}
    for name in ("valid", "invalid"):
        for case in json.loads((VECTORS / f"score-proof-{name}.json").read_text(encoding="utf-8"))["cases"]:
            cases[case["name"]] = case
            path = tmp_path / f"{case['name'].replace(' ', '-').replace(':', '').replace(',', '')}.proof"
            path.write_bytes(case["proof"].encode())
    (tmp_path / "score.proof").write_bytes(cases["score and receipt"]["proof"].encode())
    (tmp_path / "policy").write_bytes(cases["score and receipt"]["policy"].encode())
    (tmp_path / "policy-witnessed").write_bytes(cases["two witnesses"]["policy"].encode())
    return tmp_path


def run(*args, **more):
    """One command in this process: (exit code, what it printed on both streams). A traceback fails the test."""
    from app.cli import main

    result = CliRunner().invoke(main, [str(arg) for arg in args], prog_name="credence", **more)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def transcript(text):
    """A console text with every `$ credence ...` run anew, its output and its exit code when not 0 put in."""
    lines = []
    for line in text.splitlines():
        if line.startswith("# "):
            lines += ["", line] if lines else [line]
        if line.startswith("$ credence "):
            code, output = run(*shlex.split(line.removeprefix("$ credence ")))
            lines += [line, *output.splitlines(), *([f"[exit code {code}]"] if code else [])]
    return "\n".join(lines) + "\n"


class Ledger:
    """A real bureau with an empty ledger, served on loopback, and the folder from which commands are run."""

    def __init__(self, folder, database_url):
        from werkzeug.serving import make_server

        from app.services.bureau import Bureau
        from app.services.home import Home
        from app.services.ledger.founding import Charter, found
        from app.web import create_app

        self.folder, self.database_url, self.home = folder, database_url, folder / "home"
        assert found(Home(self.home), Charter("ledger.example/cli", "uci", "cn", 480), database_url)
        self.bureau = Bureau.open(Home(self.home), database_url)
        app = create_app(self.bureau, log=folder / "web.jsonl")
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def run(self, *args, **environment):
        """A command as a process of its own: (exit code, standard output, standard error)."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "CREDENCE_HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "CREDENCE_URL": self.url,
            **environment,
        }
        done = subprocess.run(
            [CREDENCE, *map(str, args)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def step(self):
        """One block with everything admitted so far."""
        from app.services.ledger.sequencer import Sequencer

        with Sequencer(self.bureau) as sequencer:
            sequencer.step(now=True)

    def policy(self):
        from app.core.log.policy import LogKey, Policy

        return Policy((LogKey(self.bureau.verifier),), (), (), b"none").encode()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.bureau.close()


@pytest.fixture(scope="session")
def ledger(template_database, administer, server_url, tmp_path_factory):
    """One for all tests, which keep out of each other's way by the names of files and keys."""
    from sqlalchemy.engine import make_url

    name = f"credence_cli_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    made = Ledger(tmp_path_factory.mktemp("ledger"), url)
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


def check_golden(name):
    """`CREDENCE_GOLDEN=write` makes a transcript anew; read the difference before you commit it."""
    path = Path(__file__).parent / "golden" / f"{name}.txt"
    text = path.read_text(encoding="utf-8")
    again = transcript(text)
    if os.environ.get("CREDENCE_GOLDEN") == "write":
        path.write_text(again, encoding="utf-8")
        return
    assert again == text
