"""How a study is served; every default is the careful one."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mixedsignals.errors import UsageError
from mixedsignals.study.server.limits import Limit

__all__ = ["ServerOptions"]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def _limits() -> dict[str, Limit]:
    return {
        "seat": Limit(burst=240, per_minute=600),  # one participant: pages, answers and pieces of media
        "address": Limit(
            burst=300, per_minute=300
        ),  # browsers without a seat, a whole class behind one address
        "login": Limit(burst=5, per_minute=6),
        "owner": Limit(burst=120, per_minute=240),
    }


@dataclass(frozen=True)
class ServerOptions:
    """What a server is told beyond its study.

    Attributes:
        host: address to listen on; loopback unless told.
        port: port to listen on, 0 for any that is free.
        public_url: address under which participants reach it, such as `https://study.example.org`; links are made
            from it, and requests for another host are refused. Cookies need https where it begins so.
        proxies: addresses of proxies whose word on the participant's address and scheme is believed.
        body_limit: most bytes of a request's body.
        limits: how many requests, by kind.

    Raises:
        UsageError: `public_url` is no address.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    proxies: tuple[str, ...] = ()
    body_limit: int = 64 * 1024
    limits: dict[str, Limit] = field(default_factory=_limits)

    def __post_init__(self) -> None:
        if self.public_url is None:
            return
        parts = urlsplit(self.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise UsageError(
                f"--public-url is {self.public_url!r}; legal is an address such as https://study.example.org"
            )

    @property
    def address(self) -> str:
        """Where links lead."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether participants come by https, so that cookies may insist on it."""
        return self.address.startswith("https://")

    @property
    def hosts(self) -> frozenset[str] | None:
        """Names by which the server may be called; None where any will do, as it listens beyond this machine."""
        if self.public_url:
            return frozenset((str(urlsplit(self.public_url).hostname), *_LOOPBACK))
        return frozenset(_LOOPBACK) if self.host in ("127.0.0.1", "localhost", "::1") else None
