"""A bank's client: it asks a bureau, and believes nothing that it has not verified.

    bank = Bank("http://127.0.0.1:8080", Signer.parse(Path("bank.key").read_text().strip()), Path("policy").read_bytes())
    answer = bank.inquire(Inquiry("uci:17", "credit_application"))
    answer.verified.score

The package needs `requests` and `app.core` and nothing else of this project: no Flask, no SQLAlchemy, no database.
docs/client.md shows all of it.
"""

from app.client.bank import Answer, Bank, Correction, Refused, Watch, inquiries_of
from app.client.drafts import Inquiry
from app.client.transport import RefusalError, Service

__all__ = [
    "Answer",
    "Bank",
    "Correction",
    "Inquiry",
    "RefusalError",
    "Refused",
    "Service",
    "Watch",
    "inquiries_of",
]
