"""The written page, read as a browser reads it: what it says, where its numbers come from, what it leaves out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import altair as alt
import polars as pl
import pytest
from jsonschema import ValidationError

from mixedsignals.errors import InputError, UsageError
from mixedsignals.report import ReportInput, ReportOptions, write_report
from mixedsignals.report.render import asset
from mixedsignals.report.sections import SECTIONS, build_sections
from mixedsignals.report.views import Views


class Page(HTMLParser):
    """Ids, texts, attributes and inlined data of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: dict[str, str] = {}
        self.headings: list[str] = []
        self.text = ""
        self.data: dict[str, str] = {}
        self._inside = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named[key] for key in ("href", "src") if key in named]
        if "data-figure" in named:
            self.images[named["data-figure"]] = named["aria-label"]
        self._inside = named.get("id", tag) if tag == "script" else tag

    def handle_data(self, data: str) -> None:
        if self._inside.startswith("data-"):
            self.data[self._inside] = self.data.get(self._inside, "") + data
        elif self._inside not in ("script", "style"):
            self.text += data
            if self._inside == "h2":
                self.headings.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self.text += "" if tag in ("strong", "code", "b") else " "

    def island(self, name: str) -> dict[str, object]:
        return dict(json.loads(self.data[f"data-{name}"]))


def read(run: ReportInput, out: Path, **options: int) -> Page:
    return Page(write_report(run, out, media="none", options=ReportOptions(**options)))


@pytest.fixture(scope="module")
def whole(run: ReportInput, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of `run` as it is."""
    return read(run, tmp_path_factory.mktemp("whole") / "report")


def values(part: object) -> list[dict[str, object]]:
    """Every inlined row of a specification, wherever it stands."""
    if isinstance(part, list):
        return [row for item in part for row in values(item)]
    if not isinstance(part, dict):
        return []
    named = [row for rows in part.get("datasets", {}).values() for row in rows]
    own = part.get("data", {}).get("values", [])
    return [
        *named,
        *own,
        *(row for key, item in part.items() if key in ("layer", "spec") for row in values(item)),
    ]


def test_a_whole_run_has_every_section_in_reading_order(whole: Page) -> None:
    assert whole.headings == [
        "How good each model is",
        "Where the models part ways",
        "Misled and rescued",
        "How sure, and of what",
        "How sure the people were",
        "People given less",
        "Models against people's votes",
        "Does disagreement tell more than confidence does",
        "Can the probabilities be believed",
        "Who carries the decision",
        "What fusion listened to",
        "Misled by a dominant signal",
        "Faults that imitate disagreement",
        "What the checks found",
        "Where trouble gathers",
        "Clips worth looking at",
        "All estimates",
        "What was run",
    ]


def test_the_answer_stands_first_as_it_was_given(whole: Page) -> None:
    text = whole.text
    assert (
        0 < text.index("Fusion reaches") < text.index("How good each model is", text.index("Fusion reaches"))
    )
    assert "Text parts from it on 30 % of 150 clips." in text


def test_nothing_is_loaded_from_elsewhere(whole: Page) -> None:
    assert whole.links
    assert [link for link in whole.links if not link.startswith("#")] == ["charts.licences.txt"]
    assert whole.path.with_name("charts.licences.txt").read_text(encoding="utf-8").count("Copyright") > 20


@pytest.mark.parametrize(
    ("table", "section"),
    [
        ("votes", "people"),
        ("gates", "gates"),
        ("findings", "findings"),
        ("estimates", "performance"),
        ("targets", "confidence"),
    ],
)
def test_an_absent_table_leaves_out_its_section(
    run: ReportInput, whole: Page, out: Path, table: str, section: str
) -> None:
    assert section in whole.ids
    assert section not in read(replace(run, **{table: None}), out).ids
    cleared = Views(replace(run, **{table: getattr(run, table).clear()}))
    assert section not in {one.key for one in build_sections(SECTIONS, cleared, ReportOptions())}


def test_a_run_of_which_nothing_is_known_still_makes_a_page(empty: ReportInput, out: Path) -> None:
    page = read(empty, out)
    assert page.headings == ["What was run"]
    assert "neutral, empathetic (nominal)" in page.text


def test_votes_alone_make_the_page_of_the_people(voted: ReportInput, out: Path) -> None:
    page = read(voted, out)
    assert page.headings == [
        "How sure the people were",
        "People given less",
        "Faults that imitate disagreement",
        "What the checks found",
        "Clips worth looking at",
        "All estimates",
        "What was run",
    ]
    assert "How people judged" in page.text
    assert "models part ways" not in page.text
    assert "how much people disagree about them" in page.text
    assert {"people-accuracy", "human-gain", "follow-rate"} <= set(page.images)
    assert page.island("clips")["sources"] == []


def test_every_estimate_is_on_the_page_and_can_be_saved_unrounded(run: ReportInput, whole: Page) -> None:
    saved = whole.island("tables")["estimates"]
    shown = pl.DataFrame(saved["rows"], schema=saved["columns"], orient="row", infer_schema_length=None)
    assert run.estimates is not None
    whole = run.estimates.select(shown.columns).sort("measure", "source", "slice")
    assert shown.rows() == whole.rows()


def test_figures_draw_the_numbers_of_their_tables(run: ReportInput, whole: Page) -> None:
    drawn = {row["name"]: row for row in values(whole.island("figures")["performance-macro-f1"])}
    assert run.estimates is not None
    for source in ("text", "audio", "video", "fusion"):
        own = (pl.col("source") == source) & (pl.col("slice") == "all")
        value, low = (
            run.estimates.filter(own & (pl.col("measure") == "macro_f1")).select("value", "low").row(0)
        )
        chance = run.estimates.filter(own & (pl.col("measure") == "chance:macro_f1"))["value"].item()
        assert (drawn[source]["value"], drawn[source]["low"], drawn[source]["base"]) == (value, low, chance)
    assert set(drawn) == {"text", "audio", "video", "fusion"} | {
        f"fusion of {pair}" for pair in ("text + audio", "text + video", "audio + video")
    }


def test_every_figure_has_words_a_table_and_a_specification_that_says_the_same(whole: Page) -> None:
    figures, tables = whole.island("figures"), whole.island("tables")
    assert set(whole.images) == set(figures)
    assert len(figures) >= 15
    for key, words in whole.images.items():
        assert len(words.split()) >= 6, key
        assert f"title-{key}" in whole.ids
    assert len(tables) >= len(figures)


def test_seeds_speakers_folds_and_votes_are_counted_from_the_tables(whole: Page) -> None:
    text = " ".join(whole.text.split())
    assert "Clips 150" in text
    assert "Speakers 12" in text
    assert "no speaker on both sides" in text


def test_folds_that_share_a_speaker_are_not_called_disjoint(run: ReportInput, out: Path) -> None:
    assert run.clips is not None
    one = run.clips.with_columns(pl.lit("everybody").alias("speaker_id"))
    assert "no speaker on both sides" not in read(replace(run, clips=one), out).text


def test_what_is_left_out_is_said(run: ReportInput, out: Path) -> None:
    page = read(run, out, listed=10, points=25)
    assert "10 of 150 clips" in page.text
    assert page.text.count("25 of 150 clips are drawn, at random") == 6
    assert len(page.island("clips")["clips"]) == 10
    rows = values(page.island("figures")["confidence-0"])
    assert sum("clip" in row for row in rows) == 25
    assert sum(int(str(row["clips"])) for row in rows if "clips" in row) == 4 * 150


def test_findings_stand_with_their_page_and_the_clips_they_name(run: ReportInput, out: Path) -> None:
    assert run.findings is not None
    row = run.findings.row(0, named=True) | {"status": "issue", "severity": "high"}
    rows = [
        row | {"code": "MS101", "clip_id": clip, "message": f"Look at {clip}."} for clip in ("c0003", "c0007")
    ]
    page = read(replace(run, findings=pl.DataFrame(rows, schema=run.findings.schema)), out)
    assert page.text.count("Look at c000") == 2
    assert "The checks found 2 issues." in page.text
    assert "How well" in page.text
    assert "It means this." in page.text
    assert "Not when there is little." in page.text
    told = {clip["id"]: clip["told"] for clip in page.island("clips")["clips"]}
    assert (told["c0003"], told["c0004"]) == (["Look at c0003."], [])


def test_few_groups_are_said_not_to_be_trusted(run: ReportInput, whole: Page, out: Path) -> None:
    assert run.estimates is not None
    said = "Fewer than ten groups: the intervals of text"
    assert said not in whole.text
    few = run.estimates.with_columns(pl.lit(4, pl.Int64).alias("n_groups"))
    assert said in read(replace(run, estimates=few), out).text


def test_where_things_lie_on_the_machine_is_not_told(run: ReportInput, out: Path) -> None:
    manifest = {
        "corpus": {"name": "n", "path": "/home/ada/corpus", "media_root": "/home/ada/corpus"},
        "seed": 7,
    }
    page = read(replace(run, manifest=manifest, media_root=Path("/home/ada/corpus")), out)
    assert "/home/ada" not in page.text + "".join(page.data.values())
    assert "seed" in page.text


def test_manifest_facts_are_told_in_words(empty: ReportInput, out: Path) -> None:
    manifest = {
        "targets": {"source": "votes", "tie_rule": "exclude", "excluded": ["a", "b"], "given": "audio"},
        "encoders": {"text": {"encoder": "MiniLM", "width": 384}, "video": "openface"},
        "environment": {"python": "3.11.2", "versions": {"mixedsignals": "0.1.0"}},
        "options": {"fusion": "gated"},
        "tuning": {"says": "Training clips are embedded in-sample."},
    }
    text = " ".join(read(replace(empty, manifest=manifest), out).text.split())
    for told in (
        "the majority of votes, audio",
        "rule: exclude; 2 clips without a target",
        "MiniLM, 384 numbers per clip",
        "Encoder of video openface",
        "python 3.11.2, mixedsignals 0.1.0",
        "Encoders learned the labels Training clips are embedded in-sample.",
    ):
        assert told in text


def test_tables_of_the_run_are_linked_relatively(run: ReportInput, tmp_path: Path) -> None:
    tables = tmp_path / "run" / "tables"
    tables.mkdir(parents=True)
    (tables / "scores.parquet").write_bytes(b"")
    page = Page(write_report(replace(run, tables=tables), tmp_path / "run" / "report", media="none"))
    assert "../tables/scores.parquet" in page.links


def test_writing_twice_gives_the_same_bytes(run: ReportInput, whole: Page, out: Path) -> None:
    assert write_report(run, out, media="none").read_bytes() == whole.path.read_bytes()


def test_sources_of_any_name_and_no_fusion(run: ReportInput, out: Path) -> None:
    assert run.predictions is not None
    named = pl.col("source").replace({"text": "GPT-x", "audio": "wav2vec 2", "video": "a/b|c"})
    own = run.predictions.filter(pl.col("source") != "fusion").with_columns(
        named, pl.lit("unknown").alias("given")
    )
    page = read(replace(run, predictions=own, estimates=None, scores=None, gates=None), out)
    assert "confidence" not in page.ids
    assert page.island("clips")["sources"] == ["GPT-x", "a/b|c", "wav2vec 2"]


def test_wrong_options_are_named(run: ReportInput, out: Path) -> None:
    with pytest.raises(UsageError, match="copy, link, none"):
        write_report(run, out, media="paste")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"listed is 0.*points is -1"):
        ReportOptions(listed=0, points=-1)


def test_findings_of_one_code_stand_together_issues_first(run: ReportInput, out: Path) -> None:
    assert run.findings is not None
    row = run.findings.row(0, named=True) | {"clip_id": None, "severity": "low", "source": "video"}
    given = (("MS900", "passed"), ("MS102", "issue"), ("MS101", "tip"), ("MS102", "issue"))
    rows = [
        row | {"code": code, "status": status, "slice": f"place={number}", "message": f"Told {number}."}
        for number, (code, status) in enumerate(given)
    ]
    text = " ".join(
        read(replace(run, findings=pl.DataFrame(rows, schema=run.findings.schema)), out).text.split()
    )
    told = ("MS102", "video Told 1.", "video Told 3.", "MS101", "video Told 2.", "MS900", "video Told 0.")
    places = [text.index(words) for words in told]
    assert places == sorted(places)
    assert text.count("MS102") == 1


def test_the_verdict_on_disagreement_carries_its_test(run: ReportInput, whole: Page) -> None:
    assert run.estimates is not None
    row = run.estimates.filter(pl.col("measure") == "delta_auroc:fused_error").row(0, named=True)
    drawn = {r["name"]: r for r in values(whole.island("figures")["beyond-confidence"])}
    assert (drawn["fusion is wrong"]["value"], drawn["fusion is wrong"]["base"]) == (row["value"], 0.0)
    assert "Residual test of the divergence" in whole.text


def test_reliability_is_drawn_from_the_saved_bins(run: ReportInput, whole: Page) -> None:
    assert run.estimates is not None
    drawn = [r for r in values(whole.island("figures")["reliability"]) if "bin" in r]
    stated = run.estimates.filter(pl.col("measure") == "reliability_stated")
    assert sorted(r["confidence"] for r in drawn) == sorted(stated["value"].to_list())


def test_every_figure_keeps_to_the_schema(whole: Page) -> None:
    figures = whole.island("figures")
    for spec in figures.values():
        alt.Root.validate(spec)
    broken = {**next(iter(figures.values())), "layer": [{"mark": "nothing that is drawn"}]}
    with pytest.raises(ValidationError):
        alt.Root.validate(broken)


def test_the_bundle_draws_the_schema_that_altair_writes() -> None:
    notice = asset("charts.min.js").partition("\n")[0]
    found = re.search(r"vega-lite (\d+)\.(\d+)", notice)
    assert found is not None
    assert alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2] == list(found.groups())


def test_the_licence_of_everything_in_the_bundle_is_one_that_may_be_passed_on() -> None:
    named = re.findall(r"^([\w-]+) [\d.]+ \((.+)\)$", asset("charts.licences.txt"), flags=re.MULTILINE)
    assert {"vega-lite", "vega-view", "vega-interpreter", "d3-scale"} <= {name for name, _ in named}
    assert {licence for _, licence in named} <= {"BSD-3-Clause", "ISC", "MIT", "0BSD"}
