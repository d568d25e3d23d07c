"""Ways in: invitations, open links, links of recruiting services, consent, and the participant's own link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mixedsignals.study.server.seats import AnySite, FormMark, Stop, check_form, participant_of
from mixedsignals.study.server.site import SEAT, VISIT, Site
from mixedsignals.study.server.tokens import new_visit
from mixedsignals.study.store import facts, invitations, people
from mixedsignals.study.store.invitations import Invitation
from mixedsignals.study.store.people import Participant

__all__ = ["invitation_link", "personal_link", "router"]

router = APIRouter()
PANEL_IDS = ("PROLIFIC_PID", "participant_id", "workerId", "survey_participant")
"""Parameters in which recruiting services hand over a participant's id; the first that is there counts."""


def invitation_link(site: Site, invitation_id: str) -> str:
    """The address of an invitation."""
    return f"{site.options.address}/i/{site.signer.sign('invitation', invitation_id)}"


def personal_link(site: Site, participant: Participant) -> str:
    """The address that takes a participant to their place, on any device."""
    return f"{site.options.address}/r/{site.signer.sign('seat', participant.link_key)}"


@router.get("/", response_class=HTMLResponse)
def home(request: Request, site: AnySite) -> Response:
    """Where one has a seat, the study; elsewhere a sentence on how to get in."""
    if participant_of(request, site) is not None:
        return RedirectResponse("/study", 303)
    return site.page(request, "message", title=site.words("brand"), text=site.words("no_seat"))


@router.get("/i/{token}", response_class=HTMLResponse)
def invited(request: Request, token: str, site: AnySite) -> Response:
    """Consent for whoever is new; their place for whoever has begun by this link."""
    invitation = _invitation(site, token)
    external = _external(request, site, invitation)
    if (begun := _begun(site, invitation, external)) is not None:
        return _seat(site, begun)
    _need_room(site, invitation)
    visit = request.cookies.get(VISIT) or new_visit()
    signed = site.signer.sign("external", external)
    response = _consent(
        request, site, session=request.cookies.get(SEAT) or visit, token=token, external=signed
    )
    site.set_cookie(response, VISIT, visit)
    return response


@router.post("/consent", response_class=HTMLResponse)
def consent(
    request: Request,
    site: AnySite,
    mark: FormMark,
    token: Annotated[str, Form(max_length=500)],
    external: Annotated[str, Form(max_length=500)],
    agree: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Make the participant; nothing of them is stored before."""
    check_form(request, site, mark)
    if agree != "yes":
        return _consent(request, site, status=422, token=token, external=external)
    invitation = _invitation(site, token)
    digest = site.signer.read("external", external)
    if invitation.kind == "panel" and not isinstance(digest, str):
        raise Stop(400, "panel_id")
    return _seat(site, _enter(site, invitation, digest if isinstance(digest, str) else None))


@router.post("/decline", response_class=HTMLResponse)
def decline(request: Request, site: AnySite, mark: FormMark) -> Response:
    """Nothing has been stored, and nothing is."""
    check_form(request, site, mark)
    return site.page(request, "message", title=site.words("title_consent"), text=site.words("declined"))


@router.get("/r/{token}", response_class=HTMLResponse)
def resume(token: str, site: AnySite) -> Response:
    """A participant's own link: their place, on this device too."""
    link_key = site.signer.read("seat", token)
    if isinstance(link_key, str):
        with site.database.reading() as connection:
            found = people.find_by_link(connection, link_key)
        if found is not None:
            return _seat(site, found)
    raise Stop(404, "link_unknown")


def _consent(request: Request, site: Site, *, status: int = 200, **values: str) -> Response:
    text, missing = site.pages["consent"], status != 200
    session = values.pop("session", None)
    return site.page(request, "consent", status=status, session=session, text=text, missing=missing, **values)


def _invitation(site: Site, token: str) -> Invitation:
    invitation_id = site.signer.read("invitation", token)
    if isinstance(invitation_id, str):
        with site.database.reading() as connection:
            found = invitations.find_invitation(connection, invitation_id)
        if found is not None:
            return found
    raise Stop(404, "link_unknown")


def _external(request: Request, site: Site, invitation: Invitation) -> str | None:
    """The digest of a recruiting service's id; the id itself goes no further."""
    if invitation.kind != "panel":
        return None
    given = next((value for name in PANEL_IDS if (value := request.query_params.get(name))), None)
    if given is None or len(given) > 200:
        raise Stop(400, "panel_id")
    with site.database.reading() as connection:
        return facts.external_digest(connection, given)


def _begun(site: Site, invitation: Invitation, external: str | None) -> Participant | None:
    with site.database.reading() as connection:
        if invitation.kind == "single":
            return people.find_by_invitation(connection, invitation.invitation_id)
        return None if external is None else people.find_by_external(connection, external)


def _need_room(site: Site, invitation: Invitation) -> None:
    with site.database.reading() as connection:
        closed = facts.closed_at(connection) is not None
    if closed:
        raise Stop(403, "closed")
    if not invitations.room_left(invitation):
        raise Stop(403, "link_used")
    if not site.desk.room():
        raise Stop(403, "full")


def _enter(site: Site, invitation: Invitation, external: str | None) -> Participant:
    """A new participant, or the one who began by the same link a moment ago: two clicks make one."""
    if (earlier := _begun(site, invitation, external)) is not None:
        return earlier
    _need_room(site, invitation)
    with site.database.writing() as connection:
        facts.next_event(connection)  # whoever comes second waits here, and then finds the first
        fresh = invitations.find_invitation(connection, invitation.invitation_id)
        begun = None
        if invitation.kind == "single":
            begun = people.find_by_invitation(connection, invitation.invitation_id)
        elif external is not None:
            begun = people.find_by_external(connection, external)
        if begun is not None:
            return begun
        if fresh is None or not invitations.room_left(fresh):
            raise Stop(403, "link_used")
        if site.desk.most is not None and people.count_included(connection) >= site.desk.most:
            raise Stop(403, "full")
        return people.enter(connection, invitation.invitation_id, external=external)


def _seat(site: Site, participant: Participant) -> Response:
    response = RedirectResponse("/study", 303)
    site.set_cookie(response, SEAT, site.signer.sign("seat", participant.link_key), seconds=90 * 24 * 3600)
    response.delete_cookie(VISIT)
    return response
