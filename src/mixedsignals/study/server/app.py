"""The application: its routes, and what a request that goes wrong is answered."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from mixedsignals.study.folder import StudyFolder
from mixedsignals.study.server import entering, judging, media, owner, static
from mixedsignals.study.server.guard import LOG, Guard
from mixedsignals.study.server.options import ServerOptions
from mixedsignals.study.server.pace import Pace
from mixedsignals.study.server.seats import Stop
from mixedsignals.study.server.site import Site, make_site, site_of
from mixedsignals.study.store import Database

__all__ = ["make_app"]

_SENTENCES = {404: "not_found", 405: "not_found", 413: "too_large"}


def make_app(folder: StudyFolder, database: Database, options: ServerOptions | None = None) -> FastAPI:
    """The pages of one study as an ASGI application.

    Args:
        folder: a study that is whole (see `open_study`).
        database: where answers go; it stays the caller's to close.
        options: how it is served.

    Raises:
        InputError: settings, stimuli, pages or words have faults.
    """
    site = make_site(folder, database, options or ServerOptions())
    app = FastAPI(
        title="mixedsignals study", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.site = site
    for part in (static, media, entering, judging, owner):
        app.include_router(part.router)
    app.add_api_route("/health", _health, response_class=PlainTextResponse)
    app.add_exception_handler(Stop, _stopped)
    app.add_exception_handler(owner.ToLogin, _to_login)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Pace, site=site)
    app.add_middleware(Guard, options=site.options)
    return app


def _health() -> str:
    return "ok"


def _sentence(request: Request, status: int, name: str) -> HTMLResponse:
    site: Site = site_of(request)
    text, title = site.words(name), site.words("title_error")
    content = site.templates.get_template("bare.html.j2").render(words=site.words, title=title, text=text)
    return HTMLResponse(content, status_code=status)


async def _stopped(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, Stop)
    return _sentence(request, error.status, error.sentence)


async def _to_login(request: Request, error: Exception) -> RedirectResponse:  # noqa: ARG001
    return RedirectResponse("/owner/login", 303)


async def _invalid(request: Request, error: Exception) -> HTMLResponse:  # noqa: ARG001
    return _sentence(request, 422, "invalid")


async def _refused(request: Request, error: Exception) -> HTMLResponse:
    status = error.status_code if isinstance(error, HTTPException) else 400
    return _sentence(request, status, _SENTENCES.get(status, "invalid"))


async def _failed(request: Request, error: Exception) -> HTMLResponse:
    # The kind of error and where it arose are logged; its words and the request could hold what people said.
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f"{at.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{at.tb_lineno}" if at else "?"
    LOG.log(logging.ERROR, "unforeseen %s at %s", type(error).__name__, where)
    return _sentence(request, 500, "went_wrong")
