"""How often one address may knock. Counted in the memory of each worker, so the real limit is this times the
workers: a brake against guessing and flooding. Exact quotas belong in the database. Addresses are counted,
never written down.
"""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=True, strategy="fixed-window")
BATCHES_A_MINUTE = "6000 per minute"
