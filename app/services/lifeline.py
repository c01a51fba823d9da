"""A process that ends when the one that started it does, however that one ends. Only Linux can do this."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here, for between fork and exec nothing may be loaded


def die_with_parent() -> None:
    """Ask the kernel to send this process SIGTERM when its parent dies."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
