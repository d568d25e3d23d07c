"""Applies the limits on requests: per participant where there is a seat, per address where there is none."""

from __future__ import annotations

import math

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mixedsignals.study.server.site import SEAT, Site

__all__ = ["Pace"]


class Pace:
    """ASGI middleware: 429 with the time to wait for whoever asks too much."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or make it wait."""
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            name, who = self._bucket(HTTPConnection(scope), scope["method"])
            if (wait := self._site.limiter.wait(name, who)) > 0:
                text = self._site.templates.get_template("bare.html.j2").render(
                    words=self._site.words,
                    title=self._site.words("title_error"),
                    text=self._site.words("too_fast"),
                )
                headers = {"retry-after": str(math.ceil(wait))}
                await HTMLResponse(text, status_code=429, headers=headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _bucket(self, request: HTTPConnection, method: str) -> tuple[str, str]:
        address = request.client.host if request.client else "-"
        if request.url.path.startswith("/owner"):
            trying = method == "POST" and request.url.path == "/owner/login"
            return ("login" if trying else "owner"), address
        seat = request.cookies.get(SEAT)
        # Only a seat that was signed here has a bucket of its own; made-up ones share their address's.
        known = self._site.signer.read("seat", seat)
        return ("seat", str(known)) if known is not None else ("address", address)
