"""What a client that lies, hurries, guesses or reads along can reach: nothing of others, and nothing withheld."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mixedsignals.errors import UsageError
from mixedsignals.study.server import ServerOptions
from mixedsignals.study.server.limits import Limit
from mixedsignals.study.server.tokens import Signer
from mixedsignals.study.store import facts, read_answers, reading
from mixedsignals.testing.visitor import Visitor

Study = Callable[..., Any]
SAID = {"label": "warm", "confidence": 4}


def at_media(person: Visitor) -> Visitor:
    """Go on until a recording is shown."""
    while person.media is None:
        person.answer(**SAID)
    return person


def forged(token: str) -> list[str]:
    """Tokens that look like one of ours."""
    payload, _, signature = token.rpartition(".")
    other = base64.urlsafe_b64encode(b"7777").rstrip(b"=").decode()
    return [
        payload,
        f"{other}.{signature}",
        f"{payload}.{signature[:-2]}xx",
        f"{payload}..",
        "",
        "a" * 499,
        "%2e%2e",
    ]


def test_a_recording_is_only_for_whoever_is_shown_it_now(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person, other = at_media(study.participant()), study.participant()
    place = person.media
    assert place is not None
    assert person.get(place).status == 200
    assert study.visitor().get(place).status == 401
    assert other.get(place).status == 404
    person.answer(**SAID)
    assert person.get(place).status == 404, "what is answered is gone"
    assert study.owner().get(place).status == 401, "not even the owner's cookie opens it"


def test_nothing_that_can_be_asked_for_has_a_withheld_modality(
    make_study: Study, host: Study, recordings: dict[str, bytes]
) -> None:
    """Names of files, tables, clips and stimuli, by every route, while a clip without sound is shown."""
    folder = make_study(clips=4, conditions=("video", "text+audio+video"), practice=0, attention=0)
    study = host(folder, limits={name: Limit(100_000, 1) for name in ("seat", "address", "login", "owner")})
    person = study.participant()
    stimuli = folder.stimuli()
    both = recordings["text+audio+video"]
    names = [*stimuli["file"].drop_nulls(), *stimuli["stimulus_id"], *stimuli["clip_id"]]
    names += [file.name for file in folder.path.rglob("*") if file.is_file()]
    shown = person.page.fields["shown"]
    ups = [
        f"{up}{name}"
        for name in ("study.db", names[0])
        for up in ("../", "..%2f", "%2e%2e/", "....//", "/", "..\\")
    ]
    for name in [*names[::6], *ups, "1", "2", "99", *forged(shown)]:
        for route in (
            "/media/",
            "/static/",
            "/static/x/",
            "/check/",
            "/stimuli/",
            "/",
            f"/media/{shown}/",
            "/r/",
            "/i/",
        ):
            reply = person.request("GET", (route + name).replace(" ", "%20"), headers={"Range": "bytes=0-"})
            assert both not in reply.body
            assert b"words of" not in reply.body
            assert reply.status in (401, 404, 405, 422, 303, 200), (route, name)


def test_ranges_are_answered_and_bad_ones_refused(
    make_study: Study, host: Study, recordings: dict[str, bytes]
) -> None:
    study = host(make_study(conditions=("video",), practice=0))
    person = study.participant()
    whole, place = recordings["video"], person.media
    size = len(whole)
    for asked, expected in (
        ("0-99", whole[:100]),
        ("100-", whole[100:]),
        (f"{size - 5}-", whole[-5:]),
        ("-7", whole[-7:]),
    ):
        reply = person.get(place, {"Range": f"bytes={asked}"})
        assert (reply.status, reply.body) == (206, expected)
    assert person.get(place, {"Range": f"bytes={size}-"}).status == 416
    for odd in ("bytes=9-1", "bytes=a-b", "bytes=", "seconds=1-2", "bytes=-", f"bytes={'0-1,' * 50}0-1"):
        assert person.get(place, {"Range": odd}).status in (200, 206, 400, 416)
    head = person.request("HEAD", str(place))
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(size))
    assert "1970" in head.headers["last-modified"]


def test_answers_need_a_form_of_ours_and_a_clip_of_theirs(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person, other = study.participant(), study.participant()
    mine, theirs = person.page.fields, other.page.fields
    assert person.post("/study/answer", {**mine, **SAID, "mark": "0" * 64}).status == 403
    assert person.post("/study/answer", {**mine, **SAID, "mark": theirs["mark"]}).status == 403
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert person.post("/study/answer", {**mine, **SAID}, elsewhere).status == 403
    assert person.post("/study/answer", {**mine, **SAID, "shown": theirs["shown"]}).status == 409
    for token in forged(mine["shown"]):
        assert person.post("/study/answer", {**mine, **SAID, "shown": token}).status in (409, 422)
    assert study.visitor().post("/study/answer", {**mine, **SAID}).status == 401
    assert read_answers(study.database).is_empty()


def test_lies_about_condition_time_and_place_change_nothing(make_study: Study, host: Study) -> None:
    study = host(make_study(practice=0, conditions=("text",)))
    person = study.participant()
    lies = {"given": "audio", "condition": "text+audio+video", "seconds": "-5", "shown_at": "0", "position": "77",
            "arm": "best", "occasion": "9", "rater_id": "me", "kind": "practice", "scale": "11"}  # fmt: skip
    assert person.answer(**SAID, **lies).status == 200
    row = read_answers(study.database).row(0, named=True)
    assert (row["given"], row["position"], row["arm"], row["occasion"]) == ("text", 0, None, 0)
    assert (row["kind"], row["scale"]) == ("item", None)
    assert 0 <= row["seconds"] < 30


@pytest.mark.parametrize("bad", ["hot", "", "WARM", "warm ", "1", "' OR 1=1 --", "\u0000", "ä" * 100])
def test_only_legal_answers_are_taken(make_study: Study, host: Study, bad: str) -> None:
    study = host(make_study(practice=0, scale=5))
    person = study.participant()
    for fields in (
        {"label": bad, "confidence": 3, "scale": 3},
        {"label": "warm", "confidence": bad, "scale": 3},
        {"label": "warm", "confidence": 3, "scale": bad if bad != "1" else "6"},
    ):
        if fields["confidence"] == "1":
            continue
        assert person.post("/study/answer", {**person.page.fields, **fields}).status == 422
    assert read_answers(study.database).is_empty()


def test_stages_cannot_be_skipped(make_study: Study, host: Study) -> None:
    study = host(make_study(headphones=True))
    person = study.visitor()
    page = person.get(study.links()[0])
    page = person.post("/consent", {**page.fields, "agree": "yes"})
    signer = person.cookies["mixedsignals_seat"]
    assert signer
    early = person.post("/study/answer", {"mark": page.fields["mark"], "shown": "x", **SAID})
    assert early.status == 409
    checked = person.post("/study/check", {"mark": page.fields["mark"], "anyway": "yes"})
    assert 'action="/study/instructions"' in checked.text


def test_two_clicks_on_one_invitation_make_one_participant(make_study: Study, host: Study) -> None:
    study = host(make_study())
    link = study.links()[0]
    visitors = [study.visitor() for _ in range(8)]
    pages = [visitor.get(link) for visitor in visitors]
    replies = []

    def consent(visitor: Visitor, fields: dict[str, str]) -> None:
        replies.append(visitor.post("/consent", {**fields, "agree": "yes"}).status)

    threads = [
        threading.Thread(target=consent, args=(visitor, page.fields))
        for visitor, page in zip(visitors, pages, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(replies) == {200}
    with study.database.reading() as connection:
        assert len(reading.people_of(connection)) == 1


def test_links_of_one_kind_are_no_links_of_another(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person = study.participant()
    seat = person.cookies["mixedsignals_seat"]
    invitation = study.links()[0].rsplit("/", 1)[1]
    for path in (f"/i/{seat}", f"/r/{invitation}", f"/media/{seat}", f"/r/{person.page.fields['shown']}"):
        assert study.visitor().get(path).status in (401, 404)
    for cookie in (invitation, *forged(seat), Signer("another key").sign("seat", "x")):
        guest = study.visitor()
        guest.cookies["mixedsignals_seat"] = cookie
        assert guest.get("/study").status == 401


def test_the_owners_page_needs_the_password(make_study: Study, host: Study) -> None:
    study = host(make_study())
    owner = study.owner()
    person = study.participant()
    for path in ("/owner", "/owner/live"):
        assert "Log in" in person.get(path).text
        assert "Log in" not in owner.get(path).text
    with study.database.reading() as connection:
        who = reading.people_of(connection)[0].participant_id
    for path, fields in (
        ("exclude", {"participant": who, "reason": "x"}),
        ("include", {"participant": who}),
        ("delete", {"participant": who}),
        ("state", {"wanted": "closed"}),
        ("invite", {"kind": "single", "number": 1}),
        ("revoke", {"invitation": "x"}),
        ("find", {"external": "x"}),
        ("logout", {}),
    ):
        person.post(f"/owner/{path}", {"mark": person.page.fields["mark"], **fields})
        forged_mark = owner.post(f"/owner/{path}", {"mark": "0" * 64, **fields})
        assert forged_mark.status == 403, path
    with study.database.reading() as connection:
        assert len(reading.people_of(connection)) == 1
        assert facts.closed_at(connection) is None
    wrong = study.visitor()
    mark = wrong.get("/owner").fields["mark"]
    assert wrong.post("/owner/login", {"mark": mark, "password": "guess"}).status == 401
    with study.database.writing() as connection:
        facts.set_password(connection, "a new password")
    assert "Log in" in owner.get("/owner").text, "a new password ends old sessions"


def test_guessing_the_password_is_slowed_down(make_study: Study, host: Study) -> None:
    study = host(make_study())
    guesser = study.visitor()
    mark = guesser.get("/owner").fields["mark"]
    tried = [guesser.post("/owner/login", {"mark": mark, "password": f"{at}"}) for at in range(8)]
    assert [each.status for each in tried][:5] == [401] * 5
    assert tried[-1].status == 429
    assert int(tried[-1].headers["retry-after"]) >= 1


def test_requests_are_limited_by_seat_and_by_address(make_study: Study, host: Study) -> None:
    limits = {name: Limit(20, 1) for name in ("seat", "address", "login", "owner")}
    study = host(make_study(), limits=limits)
    person, other = study.participant(), study.participant()
    assert [person.get("/study").status for _ in range(30)][-1] == 429
    assert other.get("/study").status == 200, "one person's haste is not another's"
    guest = study.visitor()
    for at in range(30):
        guest.cookies["mixedsignals_seat"] = f"made-up-{at}"
        last = guest.get("/study").status
    assert last == 429, "made-up seats share their address's bucket"


@pytest.mark.parametrize(
    "path", ["/", "/study", "/i/x", "/owner", "/media/x", "/nothing", "/static/x/y", "/health"]
)
def test_every_answer_has_strict_headers(make_study: Study, host: Study, path: str) -> None:
    study = host(make_study())
    headers = study.visitor().request("GET", path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


def test_pages_have_no_inline_script_or_style_and_fetch_nothing_from_elsewhere(
    make_study: Study, host: Study
) -> None:
    study = host(make_study(scale=5, free_text=True, reasons=True))
    person = study.participant()
    pages = [
        person.page.text,
        person.get("/leave").text,
        study.owner().page.text,
        study.visitor().get("/").text,
    ]
    pages.append(study.visitor().get(study.links()[0]).text)
    for page in pages:
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", page)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!127\.0\.0\.1)', page)


def test_cookies_are_out_of_reach_of_scripts_and_insist_on_https(make_study: Study, host: Study) -> None:
    study = host(make_study())
    plain = study.visitor().request("GET", "/i/" + study.links()[0].rsplit("/", 1)[1]).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    secure = host(make_study(name="other"), public_url="https://study.example.org")
    link = "/i/" + secure.links()[0].rsplit("/", 1)[1]
    reply = secure.visitor().request("GET", link, headers={"Host": "study.example.org"})
    assert "Secure" in reply.headers["set-cookie"]
    assert reply.headers["strict-transport-security"].startswith("max-age=")


def test_other_host_names_are_refused(make_study: Study, host: Study) -> None:
    study = host(make_study())
    for name in ("evil.example", "127.0.0.1.evil.example", "", "[::1].evil"):
        assert study.visitor().request("GET", "/", headers={"Host": name}).status in (400, 421)
    assert study.visitor().request("GET", "/health", headers={"Host": "localhost:8000"}).status == 200


def test_large_bodies_are_refused_whether_they_say_so_or_not(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person = study.participant()
    body = b"label=" + b"x" * 100_000
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert person.request("POST", "/study/answer", body, kind).status == 413
    person.close()
    pieces = {**kind, "Transfer-Encoding": "chunked"}
    chunked = b"".join(b"1000\r\n" + b"x" * 0x1000 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
    with suppress(OSError):  # hung up on: as good as refused
        assert person.request("POST", "/study/answer", chunked, pieces).status == 413
    person.close()
    assert person.get("/study").status == 200
    assert person.request("POST", "/study/answer", b"x", {**kind, "Content-Length": "-5"}).status >= 400


def test_odd_bodies_are_answered_in_order(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person = study.participant()
    form = "application/x-www-form-urlencoded"
    for body, kind in (
        (b"\xff\xfe\x00", form),
        (b'{"label": "warm"}', "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"label=warm&label=calm&shown=1&mark=2", form),
        (b"&&&===%%%", form),
        (b"", form),
    ):
        assert 400 <= person.request("POST", "/study/answer", body, {"Content-Type": kind}).status < 500
    assert read_answers(study.database).is_empty()


def test_logs_hold_no_token_word_or_address(
    make_study: Study, host: Study, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("DEBUG")
    study = host(make_study(free_text=True))
    link = study.links(kind="panel", quota=3)[0]
    person = study.visitor().enter(f"{link}?PROLIFIC_PID=60f1aa77")
    secrets = [person.page.fields["shown"], person.page.fields["mark"], person.cookies["mixedsignals_seat"]]
    person.answer(**SAID, free_text="my own words")
    if person.media:
        secrets.append(person.media.rsplit("/", 1)[1])
        person.get(person.media)
    study.owner()
    with study.database.reading() as connection:
        secrets += [facts.secret_of(connection), reading.people_of(connection)[0].participant_id]
    text = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert "POST /study/answer 200" in text
    for word in (*secrets, "my own words", "60f1aa77", "a long password", link.rsplit("/", 1)[1]):
        assert word not in text


def test_an_error_of_ours_shows_and_logs_nothing_of_the_request(
    make_study: Study, host: Study, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_study(practice=0, conditions=("video",))
    study = host(folder)
    person = study.participant()
    for file in folder.media.iterdir():
        file.unlink()
    reply = person.get(str(person.media))
    assert reply.status in (404, 500)
    assert "Traceback" not in reply.text
    assert str(folder.path) not in reply.text


def test_no_address_or_browser_is_stored(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person = study.visitor()
    agent = {"User-Agent": "A-Very-Rare-Browser/7", "X-Forwarded-For": "203.0.113.77"}
    page = person.get(study.links()[0], agent)
    person.post("/consent", {**page.fields, "agree": "yes"}, agent)
    study.database.close()
    for file in study.folder.path.glob("study.db*"):
        content = file.read_bytes()
        for trace in (b"A-Very-Rare-Browser", b"203.0.113.77", b"127.0.0.1"):
            assert trace not in content


def test_options_that_make_no_sense_are_refused() -> None:
    for url in ("study.example.org", "ftp://study.example.org", "https://study.example.org/path", "https://"):
        with pytest.raises(UsageError, match="legal is an address"):
            ServerOptions(public_url=url)
    assert ServerOptions().host == "127.0.0.1"
    assert ServerOptions(host="0.0.0.0").hosts is None
    assert ServerOptions(public_url="https://study.example.org/").address == "https://study.example.org"


def test_the_page_tells_nothing_about_the_clip(make_study: Study, host: Study) -> None:
    study = host(make_study(conditions=("audio", "video"), practice=0))
    person = study.participant()
    for word in ("clip0", "s-clip", "f-clip", "words of", "audio/mp4", "study.db"):
        assert word not in person.page.text
    token = person.page.fields["shown"].split(".")[0]
    payload = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert isinstance(payload, int)
