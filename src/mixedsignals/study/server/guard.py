"""What stands before every request: known host, size of the body, strict headers, and a log without secrets.

The log names the route, never the path: paths hold tokens. Nothing of a form, a cookie or an address is written.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mixedsignals.study.server.options import ServerOptions

__all__ = ["HEADERS", "LOG", "Guard"]

LOG = logging.getLogger("mixedsignals.study")

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
"""On every answer of the server, errors included."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message)
            await send(message)

        refused = self._refuse(Headers(scope=scope))
        try:
            if refused:
                await _say(sending, *refused)
            else:
                await self._app(scope, self._limited(receive), sending)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            took = 1000 * (time.perf_counter() - began)
            LOG.info("%s %s %d %.0f ms", scope["method"], route, status, took)

    def _refuse(self, headers: Headers) -> tuple[int, str] | None:
        hosts = self._options.hosts
        if hosts is not None and _host_of(headers.get("host", "")) not in hosts:
            return 421, "This server does not go by that name."
        length = headers.get("content-length", "0")
        if not length.isdigit():
            return 400, "The length of the request is no number."
        if int(length) > self._options.body_limit:
            return 413, "The request is too large."
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Count what comes, for bodies that do not say their length, or lie."""
        taken = 0

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._options.body_limit:
                raise HTTPException(413)  # passes through the reading of forms
            return message

        return receiving

    def _add_headers(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("cache-control", "no-store")
        if self._options.secure:
            headers["strict-transport-security"] = "max-age=31536000"


def _host_of(header: str) -> str:
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d+)?", header.lower())
    return found[1] if found else ""


async def _say(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
