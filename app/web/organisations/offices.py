"""The pages of the bureau's staff and of furnishers, and how people at organisations sign in.

| module | what it does |
|---|---|
| seats | signing in, and what a role may open |
| approvals | what two officers do together |
| cases, staff | a citizen asks for a person; what clerks do |
| counter | enrolment codes, what is entered from paper, the journal of it |
| applying | applications for a key, in front of officers |
| furnisher | what people at furnishers do |
"""

from __future__ import annotations

from app.web.citizens import cases
from app.web.organisations import applying, approvals, counter, furnisher, seats, staff

MODULES = (seats, approvals, applying, cases, staff, counter, furnisher)
BLUEPRINTS = tuple(module.blueprint for module in MODULES)
