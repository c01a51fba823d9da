"""Writing files so that a crash leaves either nothing or the whole of them.

A batch is signed once and then sent until it is acknowledged, so its file must be on disk before the first
byte goes out: written beside its final name, flushed to the disk, renamed, and the folder flushed as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def write_new(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Create a file that must not exist yet (FileExistsError)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes) -> None:
    """Create or replace a file, durably and at once."""
    partial = _partial(path, data)
    partial.replace(path)
    _flush_folder(path)


def write_once(path: Path, data: bytes) -> bool:
    """Create a file, durably and at once; False, and nothing happens, when it is there already.

    Of two processes that do this at the same time, one wins, and both then see the same whole file.
    """
    partial = _partial(path, data)
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return False
    finally:
        partial.unlink()
    _flush_folder(path)
    return True


def _partial(path: Path, data: bytes) -> Path:
    """The content under a name of its own beside the final one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)  # left by a process that was killed and had our number
    write_new(partial, data)
    return partial


def _flush_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
