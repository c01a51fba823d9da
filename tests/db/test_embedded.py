"""The embedded server under the treatment it will get: many users, kills at bad moments, files that lie.

Each child below is a process of its own, because that is what locks and kills are about. Whatever these tests start
they end: children by their handle, servers by the hold of the test.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from app.core.errors import RefusedError
from app.db import pgbin
from app.db.embedded import EmbeddedPostgres, acquire
from app.db.engine import database_url, make_engine, normalise_url
from tests.conftest import folder_for_a_server

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60

# Holds the server until its standard input ends, then says goodbye properly.
HOLD = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background of a shell
from app.db.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.server._postmaster().pid, flush=True)
    sys.stdin.read()
"""

# Writes rows one commit at a time, and says each number once its commit is acknowledged.
WRITE = """
import sys
from pathlib import Path
import psycopg
from app.db.embedded import EmbeddedPostgres
hold = EmbeddedPostgres(Path(sys.argv[1]))
hold.start()
with psycopg.connect(host=hold.server.socket_directory, user="postgres", dbname="credence", autocommit=True) as c:
    n = c.execute("SELECT coalesce(max(n), 0) FROM rows").fetchone()[0]
    while True:
        n += 1
        c.execute("INSERT INTO rows VALUES (%s)", (n,))
        print(n, flush=True)
"""


@pytest.fixture
def home(request):
    """A home folder; whatever still runs over it afterwards is a failure, and is ended.

    It is in memory: most tests start several servers, and on a disk all of them would mostly wait for initdb's files.
    """
    folder = folder_for_a_server(in_memory=getattr(request, "param", "in memory") == "in memory")
    yield folder / "home"
    left = processes_over(folder)
    for process in left:
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)
    assert left == [], "a server was left running"


def processes_over(folder):
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def children():
    """Starts Python children; any that is left at the end is killed and collected."""
    started = []

    def start(code, *arguments, **options):
        command = [options.pop("python", sys.executable), "-c", code, *map(str, arguments)]
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **options,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def leave(child):
    child.stdin.close()
    assert child.wait(WAIT_S) == 0


def query(server, statement, *parameters):
    with psycopg.connect(
        host=server.server.socket_directory, user="postgres", dbname="credence", autocommit=True
    ) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


def gone(pid):
    """Tells whether no process works under this pid; a zombie only waits for whoever started it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_starts_serves_and_stops(home):
    with EmbeddedPostgres(home) as server:
        assert server.url.startswith("postgresql+psycopg://postgres@/credence?host=")
        assert stat.S_IMODE(server.server.data.stat().st_mode) == 0o700
        postmaster = server.server._postmaster()
        assert postmaster.net_connections("tcp") == []
        assert os.getsid(postmaster.pid) == postmaster.pid != os.getsid(0), "Ctrl-C would reach the server"
        if os.geteuid() == 0:
            assert pwd.getpwuid(server.server.data.stat().st_uid).pw_name in ("postgres", "nobody")
        with make_engine(server.url, role=None).connect() as connection:
            assert connection.exec_driver_sql("SELECT current_database()").scalar() == "credence"
            for setting, value in (
                ("fsync", "on"),
                ("synchronous_commit", "on"),
                ("listen_addresses", ""),
                ("jit", "off"),
                ("max_connections", "150"),
                ("data_checksums", "on"),
                ("server_encoding", "UTF8"),
            ):
                assert connection.exec_driver_sql(f"SHOW {setting}").scalar() == value
        connection.engine.dispose()
    assert gone(postmaster.pid)
    assert not (server.server.data / "postmaster.pid").exists()
    server.stop()


def test_two_holds_in_one_process_share_a_server(home):
    first = acquire(home)
    second = acquire(home)
    pid = first.server._postmaster().pid
    assert second.server._postmaster().pid == pid
    first.stop()
    assert query(second, "SELECT 1") == [(1,)]
    second.stop()
    assert second.server._postmaster() is None


def test_six_starters_at_once_share_one_server(home, children):
    starters = [children(HOLD, home) for _ in range(6)]
    pids = {starter.stdout.readline().strip() for starter in starters}
    assert len(pids) == 1
    assert pids != {""}
    (pid,) = map(int, pids)
    for starter in starters[:-1]:
        leave(starter)
    assert psutil.pid_exists(pid), "stopped although one user was left"
    leave(starters[-1])
    assert gone(pid)


def test_killed_user_does_not_count_and_stops_nothing(home, children):
    victim = children(HOLD, home)  # starts the server
    pid = int(victim.stdout.readline())
    with EmbeddedPostgres(home) as server:
        victim.kill()
        victim.wait(WAIT_S)
        assert query(server, "SELECT 1") == [(1,)]
        assert server.server._postmaster().pid == pid
    assert gone(pid), "the killed user was still counted"


def test_server_of_a_killed_only_user_is_taken_over(home, children):
    victim = children(HOLD, home)
    pid = int(victim.stdout.readline())
    victim.kill()
    victim.wait(WAIT_S)
    with EmbeddedPostgres(home) as server:
        assert server.server._postmaster().pid == pid
    assert gone(pid)


@pytest.mark.parametrize("delay_ms", [0, 20, 60, 120, 250, 400, 550, 700])
def test_starter_killed_at_any_moment_is_no_obstacle(home, children, delay_ms):
    """Also inside initdb, and between the launch and the first answer."""
    code = "print(flush=True)\n" + HOLD.replace(
        "import sys", "import sys, app.db.embedded; print(flush=True)", 1
    )
    victim = children(code, home)
    victim.stdout.readline()
    victim.stdout.readline()
    time.sleep(delay_ms / 1000)
    victim.kill()
    victim.wait(WAIT_S)
    with EmbeddedPostgres(home) as server:
        assert query(server, "SELECT 1") == [(1,)]
    wait_until(lambda: processes_over(home) == [])  # an initdb without parent finishes by itself


@pytest.mark.parametrize("home", ["on the disk"], indirect=True)
@pytest.mark.parametrize("victim", ["postmaster", "everything", "client"])
def test_every_acknowledged_row_survives_a_kill(home, children, victim):
    with EmbeddedPostgres(home) as server:
        query(server, "CREATE TABLE rows (n bigint PRIMARY KEY)")
        acknowledged = []
        for _ in range(3):
            writer = children(WRITE, home, stderr=subprocess.DEVNULL)
            acknowledged += [int(writer.stdout.readline()) for _ in range(50)]
            processes = [server.server._postmaster()]
            if victim == "everything":
                processes += processes[0].children()
            if victim == "client":
                processes = [psutil.Process(writer.pid)]
            for process in processes:
                with suppress(psutil.NoSuchProcess):  # without the postmaster they end by themselves
                    process.kill()
            if victim != "client":
                wait_until(lambda: not server.server.answers())
                assert server.ensure_running() is True
            acknowledged += [int(line) for line in writer.stdout]
            writer.wait(WAIT_S)
            assert server.ensure_running() is False
            stored = {n for (n,) in query(server, "SELECT n FROM rows")}
            assert stored.issuperset(acknowledged)
            assert len(stored) <= len(acknowledged) + 3, (
                "at most the row in flight at each kill is unacknowledged"
            )
        assert len(acknowledged) == len(set(acknowledged)) >= 150


def test_killed_server_comes_back_at_the_next_start(home):
    server = acquire(home)
    query(server, "CREATE TABLE kept AS SELECT 7 AS n")
    killed = server.server._postmaster()
    killed.kill()
    wait_until(lambda: not server.server.answers())
    server.start()
    assert query(server, "SELECT n FROM kept") == [(7,)]
    assert server.server._postmaster().pid != killed.pid
    server.stop()


def test_backends_that_outlive_their_postmaster_are_ended(home, children):
    busy = """
import sys, psycopg
with psycopg.connect(host=sys.argv[1], user="postgres", dbname="credence", autocommit=True) as c:
    print(c.info.backend_pid, flush=True)
    c.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")
"""
    with EmbeddedPostgres(home) as server:
        backend = int(
            children(busy, server.server.socket_directory, stderr=subprocess.DEVNULL).stdout.readline()
        )
        busy_ones = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend} AND state = 'active'"
        wait_until(lambda: query(server, busy_ones) == [(1,)])
        server.server._postmaster().kill()
        wait_until(lambda: not server.server.answers())
        assert psutil.pid_exists(backend), "this test needs a backend that does not notice"
        assert server.ensure_running() is True
        assert gone(backend)


@pytest.mark.parametrize("liar", ["living", "zombie", "gone", "garbage", "other server"])
def test_a_pid_in_a_file_proves_nothing(home, children, liar):
    with EmbeddedPostgres(home) as server:
        query(server, "CREATE TABLE kept AS SELECT 7 AS n")
        data = server.server.data
        server.server._postmaster().kill()
        wait_until(lambda: not server.server.answers())
        other = acquire(home.with_name("other")) if liar == "other server" else None
        as_owner = pgbin.Programs(Path("/"), 0, server.server._programs.runner).runner.popen_options()
        sleeper = subprocess.Popen(["/bin/sleep", "60"], cwd=data, **as_owner)
        if liar in ("zombie", "gone"):
            sleeper.kill()
            wait_until(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_ZOMBIE)
        if liar == "gone":
            sleeper.wait()
        pid = {"garbage": "\0\n", "other server": other and str(other.server._postmaster().pid)}.get(liar)
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            file = data / name
            lines = file.read_text().split("\n")
            file.write_text("\n".join([pid or str(sleeper.pid), *lines[1:]]))
        try:
            assert server.ensure_running() is True
            assert query(server, "SELECT n FROM kept") == [(7,)]
        finally:
            sleeper.kill()
            sleeper.wait()
            if other:
                assert query(other, "SELECT 1") == [(1,)], "the other server was hurt"
                other.stop()


def test_long_path_gets_a_short_socket(home):
    with EmbeddedPostgres(home / ("long" * 25)) as server:
        directory = Path(server.server.socket_directory)
        assert len(str(directory)) <= 90
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert query(server, "SELECT 1") == [(1,)]
    assert not directory.exists()


def test_socket_directory_of_somebody_else_is_refused(home):
    server = EmbeddedPostgres(home / ("long" * 25))
    directory = Path(server.server.socket_directory)
    directory.mkdir(mode=0o755)
    try:
        with pytest.raises(RefusedError, match="not a closed directory"):
            server.start()
    finally:
        directory.rmdir()


def test_what_is_no_data_directory_is_left_alone(home):
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "letters.txt").write_text("dear")
    with pytest.raises(RefusedError, match="not a PostgreSQL data directory"):
        EmbeddedPostgres(home).start()
    assert (home / "postgres" / "letters.txt").read_text() == "dear"


def test_other_major_version_is_refused_in_words(home):
    (home / "postgres").mkdir(parents=True)
    shutil.chown(home / "postgres", os.geteuid())
    (home / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(RefusedError, match=r"made by PostgreSQL 9, but here is only PostgreSQL \d+"):
        EmbeddedPostgres(home).start()


def test_no_programs_is_refused_in_words(home):
    with pytest.raises(RefusedError, match="DATABASE_URL"):
        EmbeddedPostgres(home, folders=[]).start()


def test_failure_to_start_shows_the_log(home):
    with EmbeddedPostgres(home) as server:
        data = server.server.data
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("shared_preload_libraries = 'missing_library'\n")
    with pytest.raises(RefusedError, match="missing_library"):
        EmbeddedPostgres(home).start()


def test_debian_programs_are_a_second_source(home, monkeypatch):
    debian = [path for path in pgbin.sources() if path.is_relative_to(pgbin.DEBIAN_ROOT)]
    if not debian:
        pytest.skip("Debian's PostgreSQL is not installed")
    with EmbeddedPostgres(home, folders=debian) as server:
        major = int(debian[0].parent.name)
        assert query(server, "SHOW server_version_num")[0][0].startswith(str(major))
        assert query(server, "SHOW wal_compression") == [("lz4",)]
    monkeypatch.setenv("PG_BINDIR", str(debian[-1]))
    assert pgbin.sources()[1] == debian[-1]
    # The data now decide: the wheel comes first, but is another version.
    assert pgbin.choose(home / "postgres").bindir == debian[0]


def test_folder_that_only_root_enters_gets_a_user_namespace(home):
    if os.geteuid() != 0:
        pytest.skip("not root: no account to change")
    if subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine allows no user namespaces")
    home.parent.chmod(0o700)
    for _ in range(2):  # the second time the owner of the data decides
        with EmbeddedPostgres(home) as server:
            assert query(server, "SELECT 1") == [(1,)]
            assert server.server._programs.runner.prefix[0] == "unshare"
            assert server.server.data.stat().st_uid == 0
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700, "a parent directory was opened"


def test_ordinary_user_and_then_root(home, children):
    """An ordinary user runs the server as itself; root joins it, and later runs it as that user."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot switch user (the other tests here run as an ordinary user)")
    nobody = pwd.getpwnam("nobody")
    account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    python = python_for(account)
    if python is None:
        pytest.skip("no Python 3.11 that an ordinary user can run together with this environment")
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if "-packages" in path),
    }
    user = children(HOLD, home, python=python, env=environment, **account)
    pid = int(user.stdout.readline())
    with EmbeddedPostgres(home) as server:
        assert server.server._postmaster().pid == pid
        assert psutil.Process(pid).uids().real == nobody.pw_uid
        leave(user)
    assert gone(pid)
    with EmbeddedPostgres(home) as server:
        assert server.server._postmaster().uids().real == nobody.pw_uid
        user = children(HOLD, home, python=python, env=environment, **account)
        assert int(user.stdout.readline()) == server.server._postmaster().pid
        leave(user)


def python_for(account):
    """Returns a Python that can run this project as `account`, or None."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if "-packages" in path),
    }
    for python in (sys.executable, "/usr/bin/python3.11", "/usr/bin/python3"):
        try:
            probe = [python, "-c", "import app.db.embedded"]
            answer = subprocess.run(
                probe, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=WAIT_S, **account
            )
        except OSError:
            continue
        if answer.returncode == 0:
            return python
    return None


def test_another_accounts_data_is_refused_in_words(home, monkeypatch):
    (home / "postgres").mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(RefusedError, match="belongs to another account"):
        pgbin.choose(home / "postgres")


def test_a_home_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot hold"):
        EmbeddedPostgres(tmp_path / "file" / "home").start()


def test_environment_of_the_caller_does_not_leak_in(home, monkeypatch):
    for name, value in (
        ("PGDATA", "/nowhere"),
        ("PGPORT", "1"),
        ("PGHOST", "192.0.2.1"),
        ("PGOPTIONS", "-c foo=bar"),
    ):
        monkeypatch.setenv(name, value)
    server = acquire(home)
    server.stop()


def test_sigint_to_the_group_does_not_reach_the_server(home, children):
    holder = children(HOLD, home, start_new_session=True, stderr=subprocess.DEVNULL)
    pid = int(holder.stdout.readline())
    with EmbeddedPostgres(home) as server:
        os.killpg(holder.pid, signal.SIGINT)
        holder.wait(WAIT_S)
        assert query(server, "SELECT 1") == [(1,)]
        assert server.server._postmaster().pid == pid


def test_database_url_wins_and_starts_nothing(home):
    url = database_url(home, {"DATABASE_URL": "postgres://somebody:secret@db.example/credence"})
    assert url == "postgresql+psycopg://somebody:secret@db.example/credence"
    assert not home.exists()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_spellings_of_postgresql_are_one(scheme):
    assert normalise_url(f"{scheme}://u@/d?host=%2Ftmp") == "postgresql+psycopg://u@/d?host=%2Ftmp"


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "sqlite:///x", "postgresql+asyncpg://h/d", "nonsense", "postgresql://h"]
)
def test_other_databases_are_refused_in_words(url):
    with pytest.raises(RefusedError, match=r"postgresql://|PostgreSQL"):
        normalise_url(url)
