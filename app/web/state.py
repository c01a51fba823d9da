"""The one bureau of this process, for views that need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from app.services.bureau import Bureau


def bureau() -> Bureau:
    return cast("Bureau", current_app.extensions["credence"])
