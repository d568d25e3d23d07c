"""The few files that every page brings along, held in memory under addresses that change with their content."""

from __future__ import annotations

import gzip
from importlib import resources

from fastapi import APIRouter, HTTPException, Request
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
_PACKED = {name: gzip.compress(content, mtime=0) for name, content in _CONTENT.items()}
ADDRESSES = {name: f"/static/{digest_bytes(content)[:12]}/{name}" for name, content in _CONTENT.items()}
"""Name of a file -> its address."""

router = APIRouter()


@router.get("/static/{digest}/{name}")
def get(request: Request, digest: str, name: str) -> Response:
    """One of these files, compressed where the browser takes that; nothing else can be named."""
    if ADDRESSES.get(name) != f"/static/{digest}/{name}":
        raise HTTPException(404)
    kept = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(_CONTENT[name], media_type=_TYPES[name], headers=kept)
    # Pages are not compressed: they hold the marks of forms beside words that others may choose.
    return Response(_PACKED[name], media_type=_TYPES[name], headers={**kept, "content-encoding": "gzip"})
