"""The way through a study: instructions, the check, one clip at a time, and the end."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mixedsignals.study.conditions import parts
from mixedsignals.study.desk import NotYours
from mixedsignals.study.server.answering import Given, read_answer
from mixedsignals.study.server.checks import draw_check
from mixedsignals.study.server.entering import personal_link
from mixedsignals.study.server.seats import AnySite, FormMark, Seated, Stop, check_form
from mixedsignals.study.server.site import SEAT, Site, Stimulus
from mixedsignals.study.store import facts, people
from mixedsignals.study.store.handing import Exposure
from mixedsignals.study.store.people import Participant

__all__ = ["router"]

router = APIRouter()
_TRIES = 3


@router.get("/study", response_class=HTMLResponse)
def study(request: Request, site: AnySite, person: Seated) -> Response:
    """The page of wherever this participant is."""
    return _page(request, site, person)


@router.get("/study/{step}", response_class=HTMLResponse)
def again(step: str) -> Response:  # noqa: ARG001
    """Somebody loads the address of a form: to their place."""
    return RedirectResponse("/study", 303)


@router.post("/study/instructions", response_class=HTMLResponse)
def instructions(request: Request, site: AnySite, person: Seated, mark: FormMark) -> Response:
    """The instructions are read."""
    check_form(request, site, mark)
    if person.stage == "instructions":
        person = _move(site, person, "check" if site.wants_check() else "judging")
    return _after(request, site, person)


@router.post("/study/check", response_class=HTMLResponse)
def check(
    request: Request,
    site: AnySite,
    person: Seated,
    mark: FormMark,
    beeps: Annotated[int, Form()] = 0,
    digit: Annotated[int, Form()] = 0,
    tone_1: Annotated[int, Form()] = 0,
    tone_2: Annotated[int, Form()] = 0,
    anyway: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """What was heard and seen; whoever fails may try again, or go on and be marked."""
    check_form(request, site, mark)
    if person.stage != "check":
        return _after(request, site, person)
    tries = int(person.checks.get("tries", 0))
    task = draw_check(site.settings.seed, person.serial, tries)
    heard = not site.wants_sound() or (beeps == task.beeps and (tone_1, tone_2) == task.quietest)
    passed = heard and (not site.wants_picture() or digit == task.digit)
    skipped = anyway == "yes" and tries > 0
    checks = {"tries": tries + (not skipped), "passed": passed and not skipped}
    with site.database.writing() as connection:
        people.write_checks(connection, person.participant_id, checks)
    if passed or skipped or checks["tries"] >= _TRIES:
        return _after(request, site, _move(site, person, "judging"))
    return _after(request, site, _again(site, person))


@router.post("/study/answer", response_class=HTMLResponse)
def answer(
    request: Request,
    site: AnySite,
    person: Seated,
    mark: FormMark,
    given: Annotated[Given, Form()],
) -> Response:
    """Take an answer; what comes next is only shown once it is on the disk."""
    check_form(request, site, mark)
    exposure_id = site.signer.read("exposure", given.shown)
    shown = site.desk.shown(person, exposure_id) if isinstance(exposure_id, int) else None
    if shown is None or person.stage != "judging":
        raise Stop(409, "not_yours")
    answered, missing = read_answer(site.settings, shown, given)
    if missing:
        return _clip(request, site, person, shown, missing=missing, status=422)
    try:
        following = site.desk.answer(person, shown.exposure_id, answered)
    except NotYours as error:
        raise Stop(409, "not_yours") from error
    if "hx-request" not in request.headers:
        return RedirectResponse("/study", 303)
    return _shown(request, site, _again(site, person), following)


@router.post("/study/skip", response_class=HTMLResponse)
def skip(
    request: Request,
    site: AnySite,
    person: Seated,
    mark: FormMark,
    shown: Annotated[str, Form(max_length=500)],
) -> Response:
    """The recording cannot be played here: go on without an answer to it."""
    check_form(request, site, mark)
    exposure_id = site.signer.read("exposure", shown)
    stimulus = _stimulus_of(site, person, exposure_id)
    if stimulus is None or stimulus.file is None:
        raise Stop(409, "not_yours")
    try:
        following = site.desk.skip(person, exposure_id)
    except NotYours as error:
        raise Stop(409, "not_yours") from error
    if "hx-request" not in request.headers:
        return RedirectResponse("/study", 303)
    return _shown(request, site, _again(site, person), following)


def _stimulus_of(site: Site, person: Participant, exposure_id: object) -> Stimulus | None:
    found = site.desk.shown(person, exposure_id) if isinstance(exposure_id, int) else None
    return None if found is None or person.stage != "judging" else site.stimuli[found.stimulus_id]


@router.get("/leave", response_class=HTMLResponse)
def leave(request: Request, site: AnySite, person: Seated) -> Response:
    """Stop for now, or for good."""
    return site.page(request, "leave", link=personal_link(site, person), number=person.participant_id)


@router.post("/leave", response_class=HTMLResponse)
def delete(
    request: Request, site: AnySite, person: Seated, mark: FormMark, sure: Annotated[str, Form()] = ""
) -> Response:
    """Delete everything about this participant, who asked for it."""
    check_form(request, site, mark)
    if sure != "yes":
        return RedirectResponse("/leave", 303)
    with site.database.writing() as connection:
        people.delete_participant(connection, person.participant_id, asked_by="participant")
    site.database.scrub()
    text = site.words("deleted")
    response = site.page(request, "message", title=site.words("title_leave"), text=text, session="")
    response.delete_cookie(SEAT)
    return response


def _move(site: Site, person: Participant, stage: people.Stage) -> Participant:
    with site.database.writing() as connection:
        people.set_stage(connection, person.participant_id, stage)
    return _again(site, person)


def _again(site: Site, person: Participant) -> Participant:
    with site.database.reading() as connection:
        return people.find_participant(connection, person.participant_id) or person


def _after(request: Request, site: Site, person: Participant) -> Response:
    """After a form: its page at once where htmx asks for it, else by way of a redirection."""
    if "hx-request" in request.headers:
        return _page(request, site, person)
    return RedirectResponse("/study", 303)


def _page(request: Request, site: Site, person: Participant) -> Response:
    if person.stage == "instructions":
        link = personal_link(site, person)
        return _settled(site.page(request, "instructions", text=site.pages["instructions"], link=link))
    if person.stage == "check":
        tries = int(person.checks.get("tries", 0))
        values: dict[str, Any] = {"sound": site.wants_sound(), "picture": site.wants_picture()}
        token = site.signer.sign("check", tries)
        return _settled(site.page(request, "check", token=token, tries=tries, **values))
    shown = None if person.stage == "done" else site.desk.current(person)
    return _shown(request, site, person if shown else _again(site, person), shown)


def _shown(request: Request, site: Site, person: Participant, shown: Exposure | None) -> Response:
    if shown is not None:
        return _clip(request, site, person, shown)
    with site.database.reading() as connection:
        closed = facts.closed_at(connection) is not None
    if person.stage != "done" and closed:
        text = site.words("closed_midway")
        return _settled(site.page(request, "message", title=site.words("title_done"), text=text))
    return _settled(site.page(request, "done", text=site.pages["debrief"], number=person.participant_id))


def _settled(response: Response) -> Response:
    """The address bar shows /study, so that loading again leads to one's place."""
    response.headers["hx-replace-url"] = "/study"
    return response


def _clip(
    request: Request,
    site: Site,
    person: Participant,
    shown: Exposure,
    *,
    missing: tuple[str, ...] = (),
    status: int = 200,
) -> Response:
    stimulus = site.stimuli[shown.stimulus_id]
    token = site.signer.sign("exposure", shown.exposure_id)
    done, total = site.desk.progress(person)
    reasons = parts(shown.condition) if site.settings.reasons and shown.trial.kind != "attention" else ()
    values: dict[str, Any] = {
        "shown": shown,
        "stimulus": stimulus,
        "given": parts(shown.condition),
        "again": _what_came(shown),
        "token": token,
        "done": done,
        "total": total,
        "question": site.pages["question"],
        "reasons": reasons if len(reasons) > 1 else (),
        "missing": missing,
        "missing_text": ", ".join(site.words(f"group_{name}") for name in missing),
        "labels": [(name, name) for name in site.settings.labels],
        "points": [(point, point) for point in range(1, site.settings.scale + 1)],
        "sure": [(point, point) for point in range(1, 6)],
    }
    return _settled(site.page(request, "clip", status=status, **values))


def _what_came(shown: Exposure) -> str | None:
    """Whether a clip comes again, with more or with the same."""
    if shown.step == 0:
        return None
    first, _, second = shown.trial.arm.partition(">")
    return "same_now" if first == second else "more_now"
