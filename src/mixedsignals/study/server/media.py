"""Recordings, for one participant at a time: only what this person is shown now can be fetched, in pieces if wanted.

An address holds a signed number of an exposure and nothing about the clip or its condition. It is of no use to anybody
else, and of no use once the answer is given; the file comes from the table of stimuli, never from the request.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from mixedsignals.study.server import checks
from mixedsignals.study.server.seats import AnySite, Seated, Stop

__all__ = ["router"]

router = APIRouter()
_KEPT = {"cache-control": "private, no-store", "content-disposition": "inline"}


@router.api_route("/media/{token}", methods=["GET", "HEAD"], response_class=FileResponse)
def recording(token: str, site: AnySite, person: Seated) -> Response:
    """The recording that this participant is judging now; `Range` is answered."""
    exposure_id = site.signer.read("exposure", token)
    shown = site.desk.open_exposure(person)
    if shown is None or person.stage != "judging" or exposure_id != shown.exposure_id:
        raise Stop(404, "not_found")
    stimulus = site.stimuli[shown.stimulus_id]
    if stimulus.file is None:
        raise Stop(404, "not_found")
    path = site.folder.media_file(stimulus.file)
    response = FileResponse(path, media_type=stimulus.mime, headers=_KEPT)
    # Size and date could tell which clip it is to somebody who knows the corpus; the tag is made of both.
    response.headers["last-modified"] = "Thu, 01 Jan 1970 00:00:00 GMT"
    return response


@router.get("/check/{token}/{part}", response_class=Response)
def check(request: Request, token: str, part: str, site: AnySite, person: Seated) -> Response:
    """What is played in the check before the first clip."""
    tries = site.signer.read("check", token)
    if not isinstance(tries, int) or person.stage != "check" or tries != person.checks.get("tries", 0):
        raise Stop(404, "not_found")
    task = checks.draw_check(site.settings.seed, person.serial, tries)
    if part == "clip" and site.wants_picture():
        return _piece(request, checks.clip(task.digit, task.beeps, sound=site.wants_sound()), "video/mp4")
    if part == "clip" and site.wants_sound():
        return _piece(request, checks.beeps(task.beeps), "audio/wav")
    if part in ("tones-1", "tones-2") and site.wants_sound():
        return _piece(request, checks.tones(task.quietest[int(part[-1]) - 1]), "audio/wav")
    raise Stop(404, "not_found")


def _piece(request: Request, content: bytes, mime: str) -> Response:
    """Bytes in whole, or the one range that is asked for (Safari plays nothing without)."""
    headers = {**_KEPT, "accept-ranges": "bytes"}
    unit, _, span = request.headers.get("range", "").partition("=")
    first, dash, last = span.partition("-")
    if unit != "bytes" or not dash or not first.isdigit() or (last and not last.isdigit()):
        return Response(content, media_type=mime, headers=headers)
    start, end = int(first), min(int(last) if last else len(content) - 1, len(content) - 1)
    if start > end:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(content)}"})
    headers["content-range"] = f"bytes {start}-{end}/{len(content)}"
    return Response(content[start : end + 1], status_code=206, media_type=mime, headers=headers)
