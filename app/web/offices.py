"""The pages of the bureau's staff and of furnishers, and how people at organisations sign in.

| module | what it does |
|---|---|
| seats | signing in, and what a role may open |
| approvals | what two officers do together |
"""

from __future__ import annotations

from app.web import approvals, seats

BLUEPRINTS = (seats.blueprint, approvals.blueprint)
