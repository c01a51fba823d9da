"""The pages of the bureau's staff and of furnishers, and how people at organisations sign in.

| module | what it does |
|---|---|
| seats | signing in, and what a role may open |
| approvals | what two officers do together |
| cases, staff | a citizen asks for a person; what clerks do |
| furnisher | what people at furnishers do |
"""

from __future__ import annotations

from app.web import approvals, cases, furnisher, seats, staff

BLUEPRINTS = (seats.blueprint, approvals.blueprint, cases.blueprint, staff.blueprint, furnisher.blueprint)
