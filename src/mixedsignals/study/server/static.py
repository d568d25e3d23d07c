"""The few files that every page brings along, held in memory under addresses that change with their content."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from mixedsignals.store import digest_bytes

__all__ = ["ADDRESSES", "router"]

_TYPES = {
    "htmx.min.js": "text/javascript; charset=utf-8",
    "study.js": "text/javascript; charset=utf-8",
    "study.css": "text/css; charset=utf-8",
    "study.svg": "image/svg+xml",
}
_FOLDER = resources.files("mixedsignals.study.server") / "static"
_CONTENT = {name: (_FOLDER / name).read_bytes() for name in _TYPES}
ADDRESSES = {name: f"/static/{digest_bytes(content)[:12]}/{name}" for name, content in _CONTENT.items()}
"""Name of a file -> its address."""

router = APIRouter()


@router.get("/static/{digest}/{name}")
def get(digest: str, name: str) -> Response:
    """One of these files; nothing else can be named."""
    if ADDRESSES.get(name) != f"/static/{digest}/{name}":
        raise HTTPException(404)
    kept = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(_CONTENT[name], media_type=_TYPES[name], headers=kept)
