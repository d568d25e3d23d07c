"""Who is asking: the participant of a seat, a form that comes from a page of ours, and what stops a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Request

from mixedsignals.study.server.site import SEAT, Site, site_of
from mixedsignals.study.store import people
from mixedsignals.study.store.people import Participant

__all__ = ["AnySite", "FormMark", "Seated", "Stop", "check_form", "participant_of"]


class Stop(Exception):
    """A request that ends with a page of one sentence.

    Args:
        status: of the answer.
        sentence: name of the sentence.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


AnySite = Annotated[Site, Depends(site_of)]
FormMark = Annotated[str, Form(max_length=128)]


def participant_of(request: Request, site: Site) -> Participant | None:
    """The participant whose seat this browser has; None where it has none."""
    link_key = site.signer.read("seat", request.cookies.get(SEAT))
    if not isinstance(link_key, str):
        return None
    with site.database.reading() as connection:
        return people.find_by_link(connection, link_key)


def _seated(request: Request, site: AnySite) -> Participant:
    found = participant_of(request, site)
    if found is None:
        raise Stop(401, "no_seat")
    return found


Seated = Annotated[Participant, Depends(_seated)]


def check_form(request: Request, site: Site, mark: str) -> None:
    """Let a form pass that comes from a page that this browser was given.

    Raises:
        Stop: it comes from elsewhere.
    """
    session = site.session(request)
    elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if elsewhere or not session or not site.signer.is_form_mark(session, mark):
        raise Stop(403, "no_cookies")
