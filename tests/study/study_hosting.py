"""A study served by a thread of the test's own process, for tests of its pages with and without a browser."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from mixedsignals.study.folder import StudyFolder
from mixedsignals.study.server import ServerOptions, make_app
from mixedsignals.study.server.tokens import Signer
from mixedsignals.study.store import Database, facts, invitations
from mixedsignals.testing.visitor import Visitor

PASSWORD = "a long password"


@dataclass
class Hosted:
    """A study that is served, and its database."""

    folder: StudyFolder
    database: Database
    address: str
    app: Any

    def links(self, count: int = 1, kind: str = "single", quota: int | None = None) -> list[str]:
        """New links into the study."""
        with self.database.writing() as connection:
            signer = Signer(facts.secret_of(connection))
            made = invitations.make_invitations(connection, kind, count=count, quota=quota)  # type: ignore[arg-type]
        return [f"{self.address}/i/{signer.sign('invitation', each)}" for each in made]

    def link(self) -> str:
        """A new link for one person."""
        return self.links()[0]

    def visitor(self) -> Visitor:
        """Somebody who has not come in yet."""
        return Visitor(self.address)

    def participant(self) -> Visitor:
        """Somebody who is at their first clip."""
        return self.visitor().enter(self.link())

    def set_password(self) -> None:
        """Give the owner `PASSWORD`, where there is none yet."""
        with self.database.writing() as connection:
            if not facts.has_password(connection):
                facts.set_password(connection, PASSWORD)

    def owner(self) -> Visitor:
        """The owner, logged in."""
        self.set_password()
        made = self.visitor()
        mark = made.get("/owner").fields["mark"]
        made.post("/owner/login", {"mark": mark, "password": PASSWORD})
        made.page = made.get("/owner")
        return made


@contextmanager
def hosting(
    folder: StudyFolder, *, wrap: Callable[[Any], Any] = lambda app: app, **options: object
) -> Iterator[Hosted]:
    """Serve a study until the block ends; `wrap` may put middleware around the application."""
    # Not `create_server`: only of a socket that says it is TCP does asyncio switch off Nagle's delays.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(256)
    port = listening.getsockname()[1]
    database = Database(folder.path / "study.db")
    app = wrap(make_app(folder, database, ServerOptions(port=port, **options)))  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Hosted(folder, database, f"http://127.0.0.1:{port}", app)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listening.close()
        database.close()
