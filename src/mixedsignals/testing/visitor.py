"""A participant without a browser: follows a link into a study, consents, and answers clip after clip over HTTP.

For trying a study of your own and for load tests: `Visitor("http://127.0.0.1:8000").enter(link)` and then
`answer(label="neutral")` until `shown` is None. It keeps its connection and its cookies as a browser does.
"""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

__all__ = ["Reply", "Visitor"]

_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_MEDIA = re.compile(r'data-clip src="([^"]+)"')


@dataclass(frozen=True)
class Reply:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def fields(self) -> dict[str, str]:
        """Hidden fields of the page's forms; of several with one name the last."""
        return {name: html.unescape(value) for name, value in _FIELD.findall(self.text)}


class Visitor:
    """One browser's worth of connection, cookies and page.

    Args:
        address: of the server, such as `http://127.0.0.1:8000`.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, address: str, *, timeout: float = 30.0) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._timeout = parts.hostname or "127.0.0.1", parts.port or 80, timeout
        self._connection: http.client.HTTPConnection | None = None
        self.cookies: dict[str, str] = {}
        self.page = Reply(0, {}, b"")

    # -- the browser ----------------------------------------------------------------------------------------------

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, without following redirections; cookies are kept.

        Raises:
            OSError, http.client.HTTPException: the server cannot be reached, or went away meanwhile.
        """
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        try:
            self._connection.request(
                method, path, body, {**(sent if self.cookies else {}), **(headers or {})}
            )
            answer = self._connection.getresponse()
            reply = Reply(answer.status, dict(answer.headers.items()), answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        for line in answer.headers.get_all("set-cookie") or []:
            self._keep(line)
        return reply

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET, following redirections within the server."""
        reply = self.request("GET", _path(path), headers=headers)
        for _ in range(5):
            place = {name.lower(): value for name, value in reply.headers.items()}.get("location")
            if reply.status not in (302, 303, 307) or place is None:
                break
            reply = self.request("GET", _path(place))
        return reply

    def post(
        self, path: str, fields: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> Reply:
        """POST a form as htmx does: the next page comes in the same answer, or by a redirection that is followed."""
        body = urlencode({name: str(value) for name, value in fields.items()}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true", **(headers or {})}
        reply = self.request("POST", path, body, kind)
        return self.get("/study") if reply.status == 303 else reply

    def close(self) -> None:
        """Let go of the connection; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- the participant ------------------------------------------------------------------------------------------

    def enter(self, link: str) -> Visitor:
        """Follow a link, consent, read the instructions, and go past the sound check without passing it."""
        self.page = self.get(link)
        if 'action="/consent"' in self.page.text:
            self.page = self.post("/consent", {**self.page.fields, "agree": "yes"})
        if 'action="/study/instructions"' in self.page.text:
            self.page = self.post("/study/instructions", {"mark": self.page.fields["mark"]})
        for _ in range(3):
            if 'action="/study/check"' in self.page.text:
                self.page = self.post("/study/check", {"mark": self.page.fields["mark"], "anyway": "yes"})
        return self

    @property
    def shown(self) -> str | None:
        """Token of what is shown now; None where nothing is."""
        return self.page.fields.get("shown")

    @property
    def media(self) -> str | None:
        """Path of the recording that is shown now; None where only words are."""
        found = _MEDIA.search(self.page.text)
        return found[1] if found else None

    def answer(self, **fields: object) -> Reply:
        """Answer what is shown; the next page is in `page`."""
        known = self.page.fields
        self.page = self.post("/study/answer", {"mark": known["mark"], "shown": known["shown"], **fields})
        return self.page


def _path(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
