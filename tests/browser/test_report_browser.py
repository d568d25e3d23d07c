"""The report in Chromium, from a file path and without a network: figures, playback, filters, themes, sizes, and words
that would like to be markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from mixedsignals import media
from mixedsignals.diagnosis import DiagnosisOptions, Evidence, diagnose
from mixedsignals.report import ReportInput, ReportOptions, write_report
from mixedsignals.testing import make_evidence

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"
OVERFLOWING = """() => [...document.querySelectorAll("main :is(svg, video, audio, button, select, h1, li)")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll")).map(e => e.outerHTML)"""
DESKTOP, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on 60 clips: one with a video, one cut from it, one with sound alone; every transcript is markup."""
    root = tmp_path_factory.mktemp("made")
    made = make_evidence(n_clips=60, n_speakers=12, strength={"text": 0.5, "audio": 1.2, "video": 1.2})
    found = diagnose(Evidence(**made.evidence()), options=DiagnosisOptions(permutations=99))
    tone = np.sin(np.arange(32_000) / 15).astype(np.float32) / 2
    pictures = [np.full((90, 120, 3), 12 * level, np.uint8) for level in range(20)]
    media.write_video(root / "seen.mp4", pictures, fps=10, audio=tone)
    media.write_audio(root / "heard.wav", tone)
    given = ReportInput(
        labels=made.labels,
        answer=[EVIL, "Fusion reaches .80."],
        clips=made.clips.with_columns(pl.lit(EVIL).alias("transcript")),
        predictions=found.predictions,
        scores=found.scores,
        estimates=found.estimates,
        findings=found.findings,
        targets=made.targets,
        votes=made.votes,
        title="made",
        media_root=root,
    )
    first = write_report(given, root / "none", media="none").read_text(encoding="utf-8")
    order = first.split('id="data-clips">')[1].split('"id":"')[1:4]
    ids = [part.split('"')[0] for part in order]
    named = {
        "media": [*["seen.mp4"] * 2, None],
        "audio": [None, None, "heard.wav"],
        "start": [None, 0.5, None],
    }
    files = pl.DataFrame({"clip_id": ids, **named, "end": [None, 1.5, None]})
    assert given.clips is not None
    whole = replace(given, clips=given.clips.join(files, on="clip_id", how="left"))
    return write_report(whole, root / "report", options=ReportOptions(points=40))


@dataclass
class Opened:
    """A page and everything that it complained about or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def opened(chromium: Any, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The page, drawn; indirect parameters are those of a browser context."""
    width, height = DESKTOP
    options = {"viewport": {"width": width, "height": height}, **getattr(request, "param", {})}
    context = chromium.new_context(**options)
    context.set_offline(True)
    seen = Opened(context.new_page())
    seen.page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda asked: seen.requests.append(asked.url))
    seen.page.goto(report.as_uri())
    seen.page.wait_for_selector("html[data-ready=yes]", timeout=30_000)
    yield seen
    context.close()


def test_it_opens_from_a_file_without_complaint_and_asks_only_for_its_own_media(
    opened: Opened, report: Path
) -> None:
    assert opened.complaints == []
    first, *others = opened.requests
    assert first == report.as_uri()
    media = (report.parent / "media").as_uri() + "/"
    assert [url for url in others if not url.startswith(media)] == []


def test_every_figure_is_drawn_with_marks_of_its_own(opened: Opened) -> None:
    figures = opened.page.locator("[data-figure]")
    assert figures.count() >= 12
    for place in figures.all():
        assert place.get_attribute("data-drawn") == "yes"
        marks = place.locator("svg .role-mark path, svg .role-mark line, svg .role-mark rect")
        assert marks.count() >= 2, place.get_attribute("data-figure")
    assert (
        opened.page.locator("[data-figure=confidence-0] svg path[aria-roledescription=point]").count() == 40
    )


@pytest.mark.parametrize(
    "opened", [{"viewport": {"width": PHONE[0], "height": PHONE[1]}, "is_mobile": True}], indirect=True
)
def test_on_a_phone_the_page_is_never_wider_than_the_screen(opened: Opened) -> None:
    page = opened.page
    for summary in page.locator("summary").all():
        summary.evaluate("element => { element.parentElement.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize(
    ("opened", "dark"),
    [({"color_scheme": "dark"}, True), ({"color_scheme": "light"}, False)],
    indirect=["opened"],
)
def test_the_theme_is_the_systems_until_the_reader_chooses(opened: Opened, dark: bool) -> None:
    page = opened.page

    def is_dark() -> bool:
        brightness = "getComputedStyle({}).{}.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) "
        paper = page.evaluate(brightness.format("document.body", "backgroundColor"))
        axis = page.evaluate(
            brightness.format("document.querySelector('[data-figure] .role-axis-label text')", "fill")
        )
        assert (paper < 200) == (axis > 500), "figures follow the page"
        return bool(paper < 200)

    assert is_dark() == dark
    page.click("#theme")
    assert is_dark() != dark
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert is_dark() != dark, "the choice is kept"


def test_words_that_would_like_to_be_markup_are_read_as_words(opened: Opened) -> None:
    page = opened.page
    assert page.title().startswith("made")
    assert page.locator("img").count() == 0
    assert page.locator("#cards blockquote").first.inner_text() == EVIL
    assert EVIL in page.locator(".answer li").first.inner_text()


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_clip_plays(opened: Opened, kind: str) -> None:
    element = opened.page.locator(f"#cards {kind}").first
    assert element.get_attribute("preload") == "metadata"
    played = element.evaluate(
        """async element => { element.muted = true; await element.play(); await new Promise(r => setTimeout(r, 400));
            return [element.readyState, element.currentTime, element.duration, element.videoWidth ?? null]; }"""
    )
    assert played[0] >= 3
    assert played[1] > 0.05
    assert played[2] == pytest.approx(2, abs=0.2)
    assert played[3] == (120 if kind == "video" else None)
    assert opened.complaints == []


def test_a_clip_that_is_a_span_plays_only_that(opened: Opened) -> None:
    duration = (
        opened.page.locator("#cards video")
        .nth(1)
        .evaluate("async element => { element.muted = true; await element.play(); return element.duration; }")
    )
    assert duration == pytest.approx(1, abs=0.2)


def test_search_and_filters_narrow_the_list_and_pages_turn(opened: Opened) -> None:
    page = opened.page
    cards = page.locator("#cards article")
    assert cards.count() == 10
    first = cards.first.get_attribute("aria-label")
    page.click("#next")
    assert cards.first.get_attribute("aria-label") != first
    assert page.locator("#page").inner_text() == "2 of 6"
    page.select_option("#playback", "yes")
    assert cards.count() == 3
    page.select_option("#playback", "")
    page.fill("#find", "c0007")
    assert [card.get_attribute("aria-label") for card in cards.all()] == ["Clip c0007"]
    page.fill("#find", "nobody says this")
    assert cards.count() == 0
    assert page.locator("#found").inner_text() == "0 of 60 listed clips"


def test_a_dot_opens_its_clip_and_escape_closes_it(opened: Opened) -> None:
    page = opened.page
    dot = page.locator("[data-figure=confidence-0] svg path[aria-roledescription=point]").first
    dot.scroll_into_view_if_needed()
    dot.dispatch_event("click")
    dialog = page.locator("dialog#clip")
    dialog.wait_for(state="visible")
    assert dialog.locator("article h3").inner_text().startswith("c00")
    assert dialog.locator(".matrix tr.model").count() == 4
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_calibrated_probabilities_move_the_dots(opened: Opened) -> None:
    page = opened.page
    dot = page.locator("[data-figure=confidence-0] svg path[aria-roledescription=point]").first
    before = dot.get_attribute("transform")
    page.locator(".switch input[value=yes]").check()
    page.wait_for_function(
        "was => document.querySelector('[data-figure=confidence-0] svg path[aria-roledescription=point]')"
        ".getAttribute('transform') !== was",
        arg=before,
    )


def test_a_table_is_saved_as_csv_and_json(opened: Opened, report: Path) -> None:
    page = opened.page
    section = page.locator("#performance > .save")
    with page.expect_download() as download:
        section.locator("[data-save=csv]").click()
    saved = pl.read_csv(Path(download.value.path()).read_bytes())
    assert saved["name"].to_list()[:3] == ["text", "audio", "video"]
    with page.expect_download() as download:
        section.locator("[data-save=json]").click()
    assert pl.read_json(Path(download.value.path()).read_bytes())["name"].to_list() == saved["name"].to_list()


def test_it_prints_on_paper_in_light_colours(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".contents").is_visible() is False
    assert page.locator("#filters").is_visible() is False
    assert len(page.pdf(format="A4")) > 50_000
