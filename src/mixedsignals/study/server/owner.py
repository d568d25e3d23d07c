"""The owner's page, behind a password: how far the study is, how people agree, who stands out, and who is left out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mixedsignals.store import digest_bytes
from mixedsignals.study.overview import overview
from mixedsignals.study.server.entering import invitation_link
from mixedsignals.study.server.seats import AnySite, FormMark, Stop, check_form
from mixedsignals.study.server.site import OWNER, VISIT, Site
from mixedsignals.study.server.tokens import new_visit
from mixedsignals.study.store import facts, invitations, people
from mixedsignals.study.store.invitations import Invitation, room_left

__all__ = ["router"]

router = APIRouter(prefix="/owner")
Identity = Annotated[str, Form(max_length=64)]


def _password_mark(site: Site) -> str:
    """Changes with the password, so that a new one ends old sessions."""
    with site.database.reading() as connection:
        return digest_bytes((facts.read_fact(connection, "password") or "").encode())


def _owner(request: Request, site: AnySite) -> None:
    if not site.signer.is_owner(request.cookies.get(OWNER), _password_mark(site)):
        raise _ToLogin


class _ToLogin(Exception):
    """The owner must log in first."""


ToLogin = _ToLogin
Owner = Depends(_owner)


@router.get("/login", response_class=HTMLResponse)
def login_page(request: Request, site: AnySite) -> Response:
    """Ask for the password."""
    return _login(request, site)


def _login(request: Request, site: Site, *, wrong: bool = False) -> Response:
    visit = request.cookies.get(VISIT) or new_visit()
    session = site.session(request) or visit
    status = 401 if wrong else 200
    response = site.page(request, "login", session=session, status=status, wrong=wrong)
    site.set_cookie(response, VISIT, visit)
    return response


@router.post("/login", response_class=HTMLResponse)
def login(
    request: Request, site: AnySite, mark: FormMark, password: Annotated[str, Form(max_length=1000)]
) -> Response:
    """Let the owner in for half a day."""
    check_form(request, site, mark)
    with site.database.reading() as connection:
        right = facts.check_password(connection, password)
    if not right:
        return _login(request, site, wrong=True)
    response = RedirectResponse("/owner", 303)
    site.set_cookie(response, OWNER, site.signer.owner_cookie(_password_mark(site)), seconds=12 * 3600)
    return response


@router.post("/logout", response_class=HTMLResponse, dependencies=[Owner])
def logout(request: Request, site: AnySite, mark: FormMark) -> Response:
    """Forget the owner in this browser."""
    check_form(request, site, mark)
    response = RedirectResponse("/owner/login", 303)
    response.delete_cookie(OWNER)
    return response


@router.get("", response_class=HTMLResponse, dependencies=[Owner])
def page(request: Request, site: AnySite) -> Response:
    """The whole page."""
    return _page(request, site)


@router.get("/live", response_class=HTMLResponse, dependencies=[Owner])
def live(request: Request, site: AnySite) -> Response:
    """The part that htmx asks for again every few seconds."""
    return site.page(request, "live", view=overview(site.database, site.design))


@router.post("/exclude", response_class=HTMLResponse, dependencies=[Owner])
def exclude(
    request: Request,
    site: AnySite,
    mark: FormMark,
    participant: Identity,
    reason: Annotated[str, Form(min_length=1, max_length=500, pattern=r"\S")],
) -> Response:
    """Leave a participant out, with a reason; their answers are kept and marked."""
    check_form(request, site, mark)
    return _decide(site, participant, reason.strip(), excluded=True)


@router.post("/include", response_class=HTMLResponse, dependencies=[Owner])
def include(request: Request, site: AnySite, mark: FormMark, participant: Identity) -> Response:
    """Take a participant in again."""
    check_form(request, site, mark)
    return _decide(site, participant, "taken in again", excluded=False)


def _decide(site: Site, participant: str, reason: str, *, excluded: bool) -> Response:
    with site.database.writing() as connection:
        _known(people.find_participant(connection, participant))
        people.exclude(connection, participant, reason, excluded=excluded)
    return _back()


@router.post("/delete", response_class=HTMLResponse, dependencies=[Owner])
def delete(request: Request, site: AnySite, mark: FormMark, participant: Identity) -> Response:
    """Delete a participant's data, who asked the owner for it."""
    check_form(request, site, mark)
    with site.database.writing() as connection:
        _known(people.find_participant(connection, participant))
        people.delete_participant(connection, participant, asked_by="owner")
    site.database.scrub()
    return _back()


def _known(found: object) -> None:
    if found is None:
        raise Stop(404, "not_found")


@router.post("/state", response_class=HTMLResponse, dependencies=[Owner])
def state(
    request: Request, site: AnySite, mark: FormMark, wanted: Annotated[Literal["open", "closed"], Form()]
) -> Response:
    """Close the study, or open it again."""
    check_form(request, site, mark)
    with site.database.writing() as connection:
        if wanted == "closed":
            facts.close_study(connection)
        else:
            facts.reopen_study(connection)
    return _back()


@router.post("/invite", response_class=HTMLResponse, dependencies=[Owner])
def invite(
    request: Request,
    site: AnySite,
    mark: FormMark,
    kind: Annotated[Literal["single", "open", "panel"], Form()],
    number: Annotated[int, Form(ge=1, le=1000)],
) -> Response:
    """Make links: so many for one person each, or one for so many."""
    check_form(request, site, mark)
    single = kind == "single"
    with site.database.writing() as connection:
        made = invitations.make_invitations(
            connection, kind, count=number if single else 1, quota=None if single else number
        )
    return _page(request, site, links=[invitation_link(site, each) for each in made])


@router.post("/revoke", response_class=HTMLResponse, dependencies=[Owner])
def revoke(request: Request, site: AnySite, mark: FormMark, invitation: Identity) -> Response:
    """Let nobody new in by a link."""
    check_form(request, site, mark)
    with site.database.writing() as connection:
        _known(invitations.find_invitation(connection, invitation))
        invitations.revoke(connection, invitation)
    return _back()


@router.post("/find", response_class=HTMLResponse, dependencies=[Owner])
def find(
    request: Request, site: AnySite, mark: FormMark, external: Annotated[str, Form(max_length=200)]
) -> Response:
    """Who came with an id of a recruiting service; only a digest of it is kept, so it must be asked for."""
    check_form(request, site, mark)
    with site.database.reading() as connection:
        digest = facts.external_digest(connection, external.strip())
        found = people.find_by_external(connection, digest)
    words = site.words
    text = words("owner_found", number=found.participant_id) if found else words("owner_not_found")
    return _page(request, site, found=text)


def _page(request: Request, site: Site, *, links: list[str] | None = None, found: str = "") -> Response:
    with site.database.reading() as connection:
        made = invitations.list_invitations(connection)
    usable = [
        (each.invitation_id, invitation_link(site, each.invitation_id)) for each in made if room_left(each)
    ]
    values: dict[str, Any] = {"ways": _by_kind(made), "usable": usable, "links": links or [], "found": found}
    response = site.page(request, "owner", view=overview(site.database, site.design), **values)
    response.headers["hx-replace-url"] = "/owner"
    return response


def _by_kind(made: list[Invitation]) -> list[tuple[str, int, int, int | None]]:
    """Kind, links made, people who came, and places in all (None without limit)."""
    rows: list[tuple[str, int, int, int | None]] = []
    for kind in dict.fromkeys(each.kind for each in made):
        own = [each for each in made if each.kind == kind]
        quotas = [each.quota for each in own]
        places = None if None in quotas else sum(quota or 0 for quota in quotas)
        rows.append((kind, len(own), sum(each.used for each in own), places))
    return rows


def _back() -> Response:
    return RedirectResponse("/owner", 303)
