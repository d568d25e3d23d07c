"""Whatever a corpus contains, it stays text: no markup, no script, no way out of the data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.labels import Labels
from mixedsignals.report import Explanation, ReportInput, write_report
from mixedsignals.report.render import inert_json

PAYLOADS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "{{ 7*7 }}<!--",
    "\u2028'`${alert(1)}",
)


class Elements(HTMLParser):
    """Every start tag of a page with its attributes, and the content of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.styles: list[str] = []
        self._open: tuple[str, str | None] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs).get("type")) if tag in ("script", "style") else None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[0] == "script":
            self.scripts.append((self._open[1], data))
        elif self._open:
            self.styles.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = None


def poisoned(run: ReportInput) -> ReportInput:
    """The run with markup in every place where a corpus can put words."""
    ids = {f"c{place:04d}": f"{PAYLOADS[place % len(PAYLOADS)]}{place}" for place in range(150)}

    def renamed(frame: pl.DataFrame | None) -> pl.DataFrame | None:
        if frame is None:
            return None
        names = [name for name in ("clip_id", "speaker_id", "rater_id") if name in frame.columns]
        changed = frame.with_columns(pl.col(names).replace(ids))
        if "label" in frame.columns:
            changed = changed.with_columns(
                pl.col("label").replace({"neutral": PAYLOADS[0], "empathetic": PAYLOADS[2]})
            )
        return changed

    tables = ("clips", "predictions", "scores", "estimates", "targets", "votes", "gates", "splits")
    assert run.findings is not None
    assert run.clips is not None
    words = [PAYLOADS[place % len(PAYLOADS)] for place in range(run.clips.height)]
    findings = run.findings.with_columns(
        pl.lit(PAYLOADS[1]).alias("message"), pl.lit(PAYLOADS[0]).alias("code")
    )
    evil = replace(
        run,
        **{name: renamed(getattr(run, name)) for name in tables},
        findings=findings,
        labels=Labels((PAYLOADS[0], PAYLOADS[2])),
        answer=PAYLOADS,
        title=PAYLOADS[0],
        manifest={"corpus": {"name": PAYLOADS[1], "licence": PAYLOADS[2]}, PAYLOADS[0]: PAYLOADS},
        explanations={PAYLOADS[0]: Explanation(PAYLOADS[1], PAYLOADS[2])},
    )
    assert evil.clips is not None
    return replace(evil, clips=evil.clips.with_columns(pl.Series("transcript", words)))


@pytest.fixture(scope="module")
def pages(run: ReportInput, tmp_path_factory: pytest.TempPathFactory) -> tuple[Elements, Elements]:
    """The same page with harmless words and with markup in them."""
    folder = tmp_path_factory.mktemp("pages")
    written = [write_report(r, folder / n, media="none") for n, r in (("good", run), ("evil", poisoned(run)))]
    good, evil = (Elements(path.read_text(encoding="utf-8")) for path in written)
    return good, evil


def test_words_of_a_corpus_make_no_element(pages: tuple[Elements, Elements]) -> None:
    good, evil = pages
    assert {tag for tag, _ in evil.tags} <= {tag for tag, _ in good.tags}
    assert not [tag for tag, _ in evil.tags if tag == "img"]
    assert len(evil.scripts) == len(good.scripts) == 5


def test_no_element_carries_a_handler_or_a_style(pages: tuple[Elements, Elements]) -> None:
    for page in pages:
        names = {name for _, attributes in page.tags for name in attributes}
        assert not [name for name in names if name.startswith("on") or name == "style"]


def test_data_come_back_as_they_were(pages: tuple[Elements, Elements]) -> None:
    islands = [json.loads(text) for kind, text in pages[1].scripts if kind == "application/json"]
    assert len(islands) == 3
    clips = islands[2]["clips"]
    assert {clip["words"] for clip in clips} == set(PAYLOADS)
    assert islands[2]["labels"] == [PAYLOADS[0], PAYLOADS[2]]


def test_the_policy_names_exactly_the_scripts_and_the_style_of_the_page(
    pages: tuple[Elements, Elements],
) -> None:
    for page in pages:
        metas = [attributes for tag, attributes in page.tags if tag == "meta" and "http-equiv" in attributes]
        policy = dict(part.strip().split(" ", 1) for part in str(metas[0]["content"]).split(";"))
        own = [text for kind, text in page.scripts if kind is None]
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == " ".join(map(hashed, own))
        assert policy["style-src"] == " ".join(map(hashed, page.styles))
        assert not re.search(r"unsafe|\*|http", str(metas[0]["content"]))


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(deadline=None)
def test_inert_json_says_the_same_without_a_character_that_html_reads(value: object) -> None:
    text = str(inert_json(value))
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_never_reaches_a_page(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        inert_json({"value": number})


def test_a_file_path_is_never_made_from_a_clip_id(run: ReportInput, tmp_path: Path) -> None:
    write_report(poisoned(run), tmp_path / "deep" / "report", media="copy")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "charts.licences.txt",
        "deep",
        "index.html",
        "report",
    ]
