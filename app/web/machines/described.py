"""One decorator for an endpoint of the API: its route and everything that /v1/openapi.json says about it.

    @endpoint(blueprint, "GET", "/figures", summary="What the ledger holds",
              good={200: (schemas.Figures, "Numbers as of the newest block.")}, problems={503: "..."})

`good` maps a status to a marshmallow schema (JSON), or to a media type whose body is bytes or text as it is.
`problems` maps a status to a sentence; all of them are RFC 9457 problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from app.web.machines.schemas import PROBLEM_DOC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask_smorest import Blueprint
    from marshmallow import Schema

View = TypeVar("View", bound="Callable[..., Any]")


def endpoint(
    blueprint: Blueprint,
    method: str,
    path: str,
    *,
    summary: str,
    good: Mapping[int, tuple[type[Schema] | str, str]],
    problems: Mapping[int, str],
    takes: str | None = None,
) -> Callable[[View], View]:
    """Register a view. `good`: status -> (schema or media type, sentence); the first is the usual one.
    `takes`: media type of the body.
    """

    def decorate(view: View) -> View:
        described: Any = view
        for status, sentence in reversed(list(problems.items())):
            described = blueprint.alt_response(status, **PROBLEM_DOC, description=sentence)(described)
        (usual, usual_doc), *others = good.items()
        for status, (shape, sentence) in reversed(others):
            also = blueprint.alt_response(status, **_shape(shape), success=True, description=sentence)
            described = also(described)
        described = blueprint.response(usual, **_shape(usual_doc[0]), description=usual_doc[1])(described)
        about: dict[str, Any] = {"summary": summary}
        if takes is not None:
            content = {takes: {"schema": {"type": "string", "format": "binary"}}}
            about["requestBody"] = {"required": True, "content": content}
        described = blueprint.doc(**about)(described)
        # Our views make their own answers, so only the description is kept, not the layers that carry it.
        registered: Any = view
        registered._apidoc = described._apidoc  # noqa: SLF001 - where flask-smorest keeps it
        blueprint.route(path, methods=[method])(registered)
        return view

    return decorate


def _shape(shape: type[Schema] | str) -> dict[str, Any]:
    if not isinstance(shape, str):
        return {"schema": shape}
    text = {"type": "string"} if shape.startswith("text/") else {"type": "string", "format": "binary"}
    return {"schema": text, "content_type": shape}
