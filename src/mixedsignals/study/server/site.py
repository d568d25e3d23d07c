"""Everything that the pages of one study need, read once: settings, stimuli, words, templates, the desk, the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from mixedsignals.study.cells import Design, make_design
from mixedsignals.study.desk import Desk
from mixedsignals.study.fixed import hold_to
from mixedsignals.study.folder import PAGES, StudyFolder
from mixedsignals.study.server import static
from mixedsignals.study.server.limits import Limiter
from mixedsignals.study.server.markdown import to_html
from mixedsignals.study.server.options import ServerOptions
from mixedsignals.study.server.tokens import Signer
from mixedsignals.study.server.words import Words, read_words
from mixedsignals.study.settings import StudySettings
from mixedsignals.study.store import Database, facts

__all__ = ["SEAT", "VISIT", "Site", "Stimulus", "make_site", "site_of"]

SEAT, VISIT, OWNER = "mixedsignals_seat", "mixedsignals_visit", "mixedsignals_owner"


@dataclass(frozen=True)
class Stimulus:
    """What is shown: a file, words, or both."""

    file: str | None
    mime: str | None
    text: str | None


@dataclass(frozen=True)
class Site:
    """One study as it is served."""

    folder: StudyFolder
    settings: StudySettings
    design: Design
    stimuli: Mapping[str, Stimulus]
    database: Database
    desk: Desk
    signer: Signer
    words: Words
    pages: Mapping[str, Markup]
    options: ServerOptions
    limiter: Limiter
    templates: Environment

    def session(self, request: Request) -> str:
        """What ties forms to this browser: its seat, else its visit, else nothing."""
        return request.cookies.get(SEAT) or request.cookies.get(VISIT) or ""

    def page(
        self, request: Request, name: str, *, status: int = 200, session: str | None = None, **values: Any
    ) -> HTMLResponse:
        """A page from its template; forms on it belong to this browser.

        Args:
            request: the request that it answers.
            name: name of the template.
            status: of the answer.
            session: where this answer gives the browser a new seat or visit, its cookie.
            values: what the template shows.
        """
        mark = self.signer.form_mark(self.session(request) if session is None else session)
        content = self.templates.get_template(f"{name}.html.j2").render(
            words=self.words, settings=self.settings, mark=mark, **values
        )
        return HTMLResponse(content, status_code=status)

    def set_cookie(self, response: Any, name: str, value: str, *, seconds: int | None = None) -> None:
        """Set a cookie that scripts cannot read and other sites cannot send along with forms."""
        response.set_cookie(
            name, value, max_age=seconds, httponly=True, samesite="lax", secure=self.options.secure
        )

    def wants_sound(self) -> bool:
        """Whether any condition is heard."""
        return any("audio" in condition for condition in self.settings.conditions)

    def wants_picture(self) -> bool:
        """Whether any condition is seen."""
        return any("video" in condition for condition in self.settings.conditions)

    def wants_check(self) -> bool:
        """Whether there is anything to check before the first clip."""
        return self.settings.headphones and (self.wants_sound() or self.wants_picture())


def site_of(request: Request) -> Site:
    """The study that a request is about."""
    found: Site = request.app.state.site
    return found


def make_site(folder: StudyFolder, database: Database, options: ServerOptions) -> Site:
    """Read a study for serving.

    Raises:
        InputError: settings, stimuli, pages or words have faults, or what people are asked has changed under way.
    """
    settings, stimuli = folder.settings(), folder.stimuli()
    design = make_design(settings, stimuli)
    hold_to(database, settings, stimuli)
    with database.reading() as connection:
        secret = facts.secret_of(connection)
    return Site(
        folder=folder,
        settings=settings,
        design=design,
        stimuli=_stimuli(stimuli),
        database=database,
        desk=Desk(database, design),
        signer=Signer(secret),
        words=read_words(settings.language, folder.path),
        pages={name: to_html(folder.page(name)) for name in PAGES if name != "attention"},
        options=options,
        limiter=Limiter(options.limits),
        templates=_templates(),
    )


def _stimuli(table: pl.DataFrame) -> dict[str, Stimulus]:
    rows = table.select("stimulus_id", "file", "mime", "text").iter_rows()
    return {stimulus: Stimulus(file, mime, text) for stimulus, file, mime, text in rows}


def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("mixedsignals.study.server"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["markdown"] = to_html
    made.globals["static"] = static.ADDRESSES
    return made
