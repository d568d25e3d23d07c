"""A study in Chromium: a robot takes it from the invitation to the end in every condition, by keyboard alone, while the
bytes that reach the browser are kept and decoded; axe looks at every page, small and large, light and dark.
"""

from __future__ import annotations

import html
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest
from study_hosting import PASSWORD, Hosted, hosting

from mixedsignals import api
from mixedsignals.corpus import read_corpus
from mixedsignals.study.folder import StudyFolder
from mixedsignals.study.server.checks import draw_check
from mixedsignals.study.store import people, read_answers, reading
from mixedsignals.study.store.handing import open_exposure
from mixedsignals.tables import VOTES, read_table

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
FOUR = ("text", "audio", "video", "text+audio+video")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: folder for screenshots, for people who want to look at them
SHOTS = os.environ.get("MIXEDSIGNALS_SCREENSHOTS")


class Sent:
    """ASGI middleware that keeps every byte that leaves the server: path, status, first byte's place, and body."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.replies: list[tuple[str, int, int, bytearray]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on, and keep what is answered."""

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                place = headers.get("content-range", "bytes 0-").removeprefix("bytes ").split("-")[0]
                self.replies.append((scope["path"], message["status"], int(place), bytearray()))
                reply.append(self.replies[-1][3])
            elif message["type"] == "http.response.body":
                reply[0].extend(message.get("body", b""))
            await send(message)

        reply: list[bytearray] = []
        await self.app(scope, receive, sending if scope["type"] == "http" else send)

    def whole(self, path: str) -> bytes:
        """What was sent of one address, its pieces put together."""
        found = bytearray()
        for place, status, start, body in list(self.replies):
            if place == path and status in (200, 206):
                found.extend(b"\0" * (start + len(body) - len(found)))
                found[start : start + len(body)] = body
        return bytes(found)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., Hosted]]:
    """Make a study of playhouse, or of another corpus, and serve it: `site(conditions=…)`."""
    with ExitStack() as stack:

        def make(corpus: Path | None = None, *, clips: int | None = 9, **settings: Any) -> Hosted:
            chosen = {"conditions": FOUR, "items_per_participant": 4, "raters_per_cell": 2, **settings}
            out = tmp_path / "study"
            api.create_study(corpus or api.playhouse(), out, settings=chosen, clips=clips, simulations=0)
            study = stack.enter_context(hosting(StudyFolder(out), wrap=Sent))
            study.set_password()
            return study

        yield make


@dataclass
class Seen:
    """What reached the browser while one clip was shown: the recording, and everything else."""

    condition: str
    stimulus: str
    recording: bytes = b""
    rest: list[bytes] = field(default_factory=list)


class Robot:
    """A participant in Chromium.

    Everything that the server sends is kept; whatever the page says on its console is a fault.
    """

    def __init__(self, browser: Any, study: Hosted, **options: Any) -> None:
        self.study = study
        self.context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **options})
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.study.address, "blob:", "data:")):
            self.strangers.append(url)

    def enter(self, link: str, *, check: bool = True) -> None:
        """Consent, instructions, and the check with the right answers."""
        self.page.goto(link)
        self.page.get_by_role("checkbox").check()
        self.page.get_by_role("button", name="Begin").click()
        self.page.get_by_role("button", name="Continue").click()
        if check:
            self.pass_check()
        self.page.locator("[data-answer]").wait_for()

    def pass_check(self) -> None:
        """Answer the sound check as somebody who hears and sees it."""
        self.page.get_by_role("heading", name="Sound and picture check").wait_for()
        with self.study.database.reading() as connection:
            serial = sum(person.finished_at is None for person in reading.people_of(connection)) - 1
        task = draw_check(self.study.folder.settings().seed, serial, 0)
        names = {
            "beeps": task.beeps,
            "digit": task.digit,
            "tone_1": task.quietest[0],
            "tone_2": task.quietest[1],
        }
        for name, value in names.items():
            choice = self.page.locator(f'input[name="{name}"][value="{value}"]')
            if choice.count():
                choice.check()
        self.page.get_by_role("button", name="Check").click()

    def now(self) -> Seen | None:
        """What the database says is shown now."""
        with self.study.database.reading() as connection:
            everybody = reading.people_of(connection)
        for each in everybody:
            with self.study.database.reading() as connection:
                person = people.find_participant(connection, each.participant_id)
            if person is not None and person.stage == "judging":
                with self.study.database.reading() as connection:
                    shown = open_exposure(connection, person.participant_id)
                return None if shown is None else Seen(shown.condition, shown.stimulus_id)
        return None

    def judge(self) -> Seen | None:
        """Play what is shown to its end and answer, by keyboard; give what reached the browser for it."""
        seen = self.now()
        if seen is None:
            return None
        title, replies = self.page.title(), self.study.app.replies
        clip = self.page.locator("[data-clip]")
        if clip.count():
            place = str(clip.get_attribute("src"))
            clip.evaluate("media => { media.muted = true; media.playbackRate = 4; }")
            self.page.keyboard.press("p")
            self.page.wait_for_function("() => document.querySelector('[data-clip]').ended", timeout=20_000)
            seen.recording = self.study.app.whole(place)
        since = max(at for at, reply in enumerate(replies) if b"data-answer" in reply[3])
        seen.rest = [bytes(body) for path, _, _, body in replies[since:] if not path.startswith("/media/")]
        self.page.keyboard.press("1")
        if self.page.locator("#q-confidence").count():
            self.page.keyboard.press("3")
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("before => document.title !== before", arg=title)
        return seen

    def close(self) -> None:
        """Nothing was fetched from elsewhere, and nothing went wrong on any page."""
        self.context.close()
        assert self.strangers == []
        assert self.faults == []


@pytest.fixture
def robot(chromium: Any) -> Iterator[Callable[..., Robot]]:
    """`robot(study)`; closed and checked at the end."""
    made: list[Robot] = []

    def make(study: Hosted, **options: Any) -> Robot:
        made.append(Robot(chromium, study, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def streams(content: bytes) -> tuple[set[str], dict[str, str]]:
    """Kinds of the streams of a recording that can really be decoded, and its metadata."""
    kinds: set[str] = set()
    with av.open(io.BytesIO(content)) as opened:
        metadata = dict(opened.metadata)
        for stream in opened.streams:
            metadata |= {f"{stream.type}.{name}": value for name, value in stream.metadata.items()}
            kinds.add(stream.type)
        assert sum(1 for _ in opened.decode(opened.streams[0])) > 0
    return kinds, metadata


WANTED = {"audio": {"audio"}, "video": {"video"}, "text+audio+video": {"audio", "video"}}


def check_withheld(seen: Seen, transcripts: dict[str, str], clip_of: dict[str, str]) -> None:
    """What a condition withholds did not reach the browser: not as a stream, not as words, not as a name."""
    clip, told = clip_of[seen.stimulus], html.unescape(b" ".join(seen.rest).decode())
    assert bool(seen.recording) == (seen.condition != "text")
    if seen.recording:
        kinds, metadata = streams(seen.recording)
        assert kinds == WANTED[seen.condition]
        assert clip not in " ".join(metadata.values())
        assert clip.encode() not in seen.recording
    if words := transcripts.get(clip):
        assert (words in told) == ("text" in seen.condition)
        assert words.encode() not in seen.recording
    assert clip not in told


def take(robot: Robot) -> list[Seen]:
    """Judge until the end."""
    found = []
    while (seen := robot.judge()) is not None:
        found.append(seen)
    robot.page.get_by_role("heading", name="Thank you").wait_for()
    return found


def test_a_robot_takes_playhouse_in_all_conditions_and_its_votes_are_exported(
    site: Callable[..., Hosted], robot: Callable[..., Robot], tmp_path: Path
) -> None:
    study = site()
    taker = robot(study)
    taker.enter(study.link())
    seen = take(taker)
    stimuli = study.folder.stimuli()
    clip_of = dict(zip(stimuli["stimulus_id"], stimuli["clip_id"], strict=True))
    clips = study.folder.clips()
    transcripts = dict(zip(clips["clip_id"], clips["transcript"], strict=True))
    for each in seen:
        if not clip_of[each.stimulus].startswith("attention"):
            check_withheld(each, transcripts, clip_of)
    answers = read_answers(study.database)
    assert answers.height == len(seen) == 2 + 4 + 1 + 2
    items = answers.filter(kind="item", occasion=0)
    assert set(items["given"]) == set(FOUR), "every condition was taken"
    assert set(items["confidence"]) == {3.0}
    with study.database.reading() as connection:
        assert '"passed": true' in str(reading.people_of(connection)[0].checks)
    votes = tmp_path / "votes.parquet"
    api.export_study(study.folder.path, votes)
    given = read_table(VOTES, votes).sort("position")
    assert given.select("clip_id", "given").equals(items.sort("position").select("clip_id", "given"))


@pytest.mark.realdata
def test_a_robot_takes_the_six_crema_clips(
    site: Callable[..., Hosted], robot: Callable[..., Robot], realdata: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "cremad"
    source = next(path for path in realdata.iterdir() if "crema" in path.name.lower())
    api.import_corpus("cremad", source, corpus, only_media=True)
    assert read_corpus(corpus).clips.height == 6
    study = site(corpus, clips=None, practice=0, attention=0, repeats=0)
    taker = robot(study)
    taker.enter(study.link())
    seen = take(taker)
    stimuli = study.folder.stimuli()
    clip_of = dict(zip(stimuli["stimulus_id"], stimuli["clip_id"], strict=True))
    for each in seen:
        check_withheld(each, {}, clip_of)
    assert set(read_answers(study.database).filter(kind="item")["given"]) == set(FOUR)


def test_the_counterfactual_design_in_the_browser(
    site: Callable[..., Hosted], robot: Callable[..., Robot]
) -> None:
    study = site(
        clips=2,
        conditions=("video", "text+audio+video"),
        design="counterfactual",
        items_per_participant=2,
        repeats=0,
        practice=0,
        attention=0,
    )
    taker = robot(study)
    taker.enter(study.link())
    words = []
    while True:
        body = taker.page.inner_text("main")
        words.append("more" if "now with more" in body else "same" if "once more" in body else "first")
        if taker.judge() is None:
            break
    assert words[:-1:2] == ["first"] * 2
    assert sorted(words[1:-1:2]) == ["more", "same"]


def test_a_clip_must_be_played_and_questions_answered(
    site: Callable[..., Hosted], robot: Callable[..., Robot]
) -> None:
    study = site(clips=4, conditions=("video",), practice=0, attention=0, repeats=0, headphones=False)
    taker = robot(study)
    taker.enter(study.link(), check=False)
    page = taker.page
    page.locator("[data-answer]").wait_for()
    page.keyboard.press("Enter")
    fault = page.locator("[data-fault]")
    fault.wait_for()
    assert "play the clip to its end" in fault.inner_text()
    page.evaluate("document.querySelector('[data-clip]').currentTime = 1e6")
    page.wait_for_function("() => document.querySelector('[data-clip]').ended")
    page.keyboard.press("Enter")
    assert "play the clip to its end" in fault.inner_text(), "jumping to the end is not playing"
    page.evaluate(
        "const m = document.querySelector('[data-clip]'); m.muted = true; m.currentTime = 0; m.play()"
    )
    page.wait_for_function("() => document.querySelector('[data-clip]').ended")
    page.keyboard.press("Enter")
    assert "Please answer: Your judgement" in fault.inner_text()
    assert read_answers(study.database).is_empty()


def test_a_clip_that_does_not_load_can_be_tried_again_and_gone_past(
    site: Callable[..., Hosted], robot: Callable[..., Robot]
) -> None:
    study = site(clips=4, conditions=("audio",), practice=0, attention=0, repeats=0, headphones=False)
    taker = robot(study)
    page = taker.page
    page.route("**/media/**", lambda route: route.abort())
    taker.enter(study.link(), check=False)
    page.get_by_text("could not be loaded").wait_for()
    with page.expect_request("**/media/**"):
        page.get_by_role("button", name="Load the clip again").click()
    page.get_by_text("could not be loaded").wait_for()
    page.get_by_role("button", name="go on without it").click()
    page.wait_for_function("() => document.querySelector('progress').max === 3")
    page.unroute("**/media/**")
    page.reload()
    assert len(take(taker)) == 3
    assert read_answers(study.database).height == 3
    assert all("Failed to load resource" in fault for fault in taker.faults)
    taker.faults.clear()


def test_single_keys_can_be_switched_off(site: Callable[..., Hosted], robot: Callable[..., Robot]) -> None:
    study = site(conditions=("text",), practice=0, attention=0, repeats=0)
    taker = robot(study)
    taker.enter(study.link(), check=False)
    page = taker.page
    page.locator("[data-answer]").wait_for()
    page.locator(".keys summary").click()
    page.get_by_label("Use these keys").uncheck()
    page.locator("h1").click(force=True)
    page.keyboard.press("1")
    assert page.locator("input:checked[name=label]").count() == 0
    page.get_by_label("Use these keys").check()
    page.locator("h1").click(force=True)
    page.keyboard.press("1")
    assert page.locator("input:checked[name=label]").count() == 1


def test_without_scripts_the_study_can_be_taken(
    site: Callable[..., Hosted], robot: Callable[..., Robot]
) -> None:
    study = site(clips=4, headphones=False, practice=0, repeats=0)
    taker = robot(study, java_script_enabled=False)
    taker.enter(study.link(), check=False)
    for _ in range(5):
        taker.page.locator("input[name=label]").first.check()
        if taker.page.locator("input[name=confidence]").count():
            taker.page.locator("input[name=confidence]").first.check()
        taker.page.get_by_role("button", name="Next").click()
    taker.page.get_by_role("heading", name="Thank you").wait_for()
    assert read_answers(study.database).height == 5


def test_reload_and_back_keep_the_place(site: Callable[..., Hosted], robot: Callable[..., Robot]) -> None:
    study = site(conditions=("text",), practice=0, attention=0, repeats=0)
    taker = robot(study)
    taker.enter(study.link(), check=False)
    taker.judge()
    title = taker.page.title()
    assert taker.page.url == f"{study.address}/study"
    taker.page.reload()
    assert taker.page.title() == title
    taker.page.go_back()
    taker.page.goto(f"{study.address}/study")
    assert taker.page.title() == title
    assert read_answers(study.database).height == 1


def test_a_slow_phone_gets_there(site: Callable[..., Hosted], robot: Callable[..., Robot]) -> None:
    """Regular 3G: 750 kbit/s down, 250 up, 100 ms."""
    study = site(clips=4, items_per_participant=2, practice=0, attention=0, repeats=0, headphones=False)
    taker = robot(study, viewport=PHONE, is_mobile=True, has_touch=True)
    client = taker.context.new_cdp_session(taker.page)
    client.send("Network.enable")
    slow = {
        "offline": False,
        "latency": 100,
        "downloadThroughput": 750_000 / 8,
        "uploadThroughput": 250_000 / 8,
    }
    client.send("Network.emulateNetworkConditions", slow)
    taker.enter(study.link(), check=False)
    weights = taker.page.evaluate(
        "() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter(e => !e.name.includes('/media/')).reduce((sum, e) => sum + e.transferSize, 0)"
    )
    assert weights < 120_000, "a first page weighs little"
    assert len(take(taker)) == 2


def audit(page: Any, name: str) -> list[str]:
    """What axe finds on a page in light colours, and its contrast in dark ones; screenshots where they are wanted."""
    page.evaluate(AXE)
    faults = []
    for scheme, only in (
        ("light", {"type": "tag", "values": TAGS}),
        ("dark", {"type": "rule", "values": ["color-contrast"]}),
    ):
        page.emulate_media(color_scheme=scheme)
        options = {"runOnly": only, "resultTypes": ["violations"], "preload": {"assets": ["media"]}}
        found = page.evaluate("options => axe.run(document, options)", options)
        faults += [
            f"{name}, {scheme}: {each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]
        ]
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{scheme}.png"), full_page=True)
    page.emulate_media(color_scheme="light")
    wide = page.evaluate("() => document.documentElement.scrollWidth") - page.viewport_size["width"]
    return [*faults, *([f"{name}: {wide} px too wide"] if wide > 0 else [])]


@pytest.mark.parametrize(("size", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_every_page_is_accessible(
    site: Callable[..., Hosted], robot: Callable[..., Robot], size: str, viewport: dict[str, int]
) -> None:
    study = site(
        scale=5, free_text=True, reasons=True, completion_code="C0FFEE", raters_per_cell=4, repeats=0
    )
    phone = {"is_mobile": True, "has_touch": True} if size == "phone" else {}
    taker = robot(study, viewport=viewport, bypass_csp=True, **phone)
    page, link = taker.page, study.link()
    faults: list[str] = []

    def look(name: str) -> None:
        faults.extend(audit(page, f"{name}-{size}"))

    page.goto(f"{study.address}/")
    look("00-home")
    page.goto(link)
    look("01-consent")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("tick the box").wait_for()
    look("02-consent-unticked")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Continue").wait_for()
    look("03-instructions")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Sound and picture check").wait_for()
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    look("04-check")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("did not match").wait_for()
    look("05-check-again")
    page.get_by_role("button", name="Go on without").click()
    page.locator("[data-answer]").wait_for()
    shown: set[str] = set()
    while (seen := taker.now()) is not None:
        name = "check" if page.locator(".clip .check").count() else seen.condition
        if name not in shown:
            if page.locator("[data-clip]").count():
                page.wait_for_function("() => document.querySelector('[data-clip]').readyState >= 2")
            page.locator("input[name=label]").first.check()
            look(f"06-{name}")
            shown.add(name)
        _answer_by_form(study, page)
    assert shown == {*FOUR, "check"}
    page.get_by_role("heading", name="Thank you").wait_for()
    look("07-done")
    page.goto(f"{study.address}/leave")
    look("08-leave")
    page.goto(f"{study.address}/owner")
    look("09-login")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="By condition").wait_for()
    look("10-owner")
    page.locator("details.act summary").first.click()
    look("11-owner-exclude")
    page.get_by_role("button", name="Make links").click()
    page.get_by_text("New links").wait_for()
    look("12-owner-links")
    page.goto(f"{study.address}/nothing")
    look("13-nothing")
    taker.faults[:] = [fault for fault in taker.faults if "404" not in fault and "422" not in fault]
    assert faults == []


def _answer_by_form(study: Hosted, page: Any) -> None:
    """Answer without playing, as the pages allow without scripts: what is looked at here is how they look."""
    title = page.title()
    for name in ("label", "scale", "confidence"):
        if page.locator(f"input[name={name}]").count():
            page.locator(f"input[name={name}]").nth(1).check()
    page.evaluate("() => HTMLFormElement.prototype.submit.call(document.querySelector('[data-answer]'))")
    page.wait_for_function("before => document.title !== before", arg=title)
    page.wait_for_load_state()
