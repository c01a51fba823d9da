"""How often one address may knock. Counted in the memory of each worker, so the real limit is this times the
workers: a brake against guessing and flooding. Exact quotas belong in the database. Addresses are counted,
never written down.
"""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=True, strategy="fixed-window")
BATCHES_A_MINUTE = "6000 per minute"
AUDITS_A_MINUTE = "20 per minute"
COSIGNATURES_A_MINUTE = "600 per minute"
LIMITED = frozenset(
    {
        "security.add",
        "signin.back_from_provider",
        "signin.enter",
        "signin.show",
        "signin.to_provider",
        "signin.use_code",
        "applications.post_application",
        "bank.apply_for",
        "signing.sign",
        "alerts.change_mail",
        "export.archive",
        "export.paper",
        "share.begin",
        "share.sign",
        "share.opened",
        "share.proof",
        "api.post_batch",
        "audits.open_audit",
        "log.take_cosignature",
        "record.open_record",
        "seats.open_seat",
        "check.check",
        "disputes.evidence",
        "letters.for_bank_pdf",
        "letters.for_citizen_pdf",
    }
)


@limiter.request_filter
def _is_unlimited() -> bool:
    """Everything but the few endpoints that carry a limit: so the hot path does not pay for the search."""
    return request.endpoint not in LIMITED
