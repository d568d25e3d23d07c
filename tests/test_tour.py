"""The tour is executed for real, its page is what its source says, and what it claims about planted conflicts holds."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import polars as pl
import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

from making.tour import Tour, TourError, fences  # noqa: E402


def test_tour_page_has_the_steps_of_its_source() -> None:
    source = (DOCS / "tour.in.md").read_text(encoding="utf-8")
    page = (DOCS / "tour.md").read_text(encoding="utf-8")
    for fence in fences(source):
        steps = re.findall(r"^\$ .*$", fence.body, re.MULTILINE) if fence.kind == "console" else [fence.body]
        assert all(step in page for step in steps), "run `make docs`"
    prose = re.sub(r"```.*?```", "", source, flags=re.DOTALL).split("\n\n")
    assert all(paragraph.strip() in page for paragraph in prose), "run `make docs`"


def test_the_page_finds_most_planted_conflicts() -> None:
    """What the page claims: by `conflict`, of models and of people, more than half in the first third; above chance."""
    page = (DOCS / "tour.md").read_text(encoding="utf-8")
    pattern = r"(\d+) of (\d+) among the first (\d+) of (\d+) \(precision ([\d.]+); by chance (\d+) of"
    told = [(*map(int, found[:4]), float(found[4]), int(found[5])) for found in re.findall(pattern, page)]
    assert len(told) == 6, "models by conflict and by divergence, people by conflict, each twice"
    for found, planted, top, clips, precision, chance in told:
        assert precision == pytest.approx(found / top, abs=0.005)
        assert chance == round(planted * top / clips)
        assert found > 1.5 * chance
    by_conflict = [told[1], told[5]]
    assert all(found > planted / 2 and top * 3 <= clips for found, planted, top, clips, *_ in by_conflict)


@pytest.mark.weights
def test_every_step_of_the_tour_runs(tmp_path: Path) -> None:
    """All steps for real, on sixty clips, two seeds and few epochs in place of the whole demo."""
    small_corpus(tmp_path / "small")
    run = "mixedsignals run small --out demo/run --seeds 42,43 --folds 3 --epochs 4 --media none --quiet"
    tour = Tour(tmp_path.resolve(), instead={"mixedsignals demo --out demo --quiet": run})
    page = tour.page((DOCS / "tour.in.md").read_text(encoding="utf-8"))
    assert len(tour.outputs) >= 9
    assert "among the first" in page
    assert "demo/run/report/index.html" in page


def small_corpus(folder: Path) -> None:
    """Six speakers of the built-in corpus, media where they lie."""
    from mixedsignals.api import playhouse

    clips = pl.read_csv(playhouse() / "clips.csv")
    kept = clips.filter(
        pl.col("speaker_id").is_in(clips["speaker_id"].unique(maintain_order=True).head(6).implode())
    )
    votes = pl.read_parquet(playhouse() / "votes.parquet")
    folder.mkdir()
    kept.write_csv(folder / "clips.csv")
    votes.filter(pl.col("clip_id").is_in(kept["clip_id"].implode())).write_parquet(folder / "votes.parquet")
    settings = f'labels = ["neutral", "empathetic"]\n[media]\nfolder = "{playhouse().as_posix()}"\n'
    (folder / "corpus.toml").write_text(settings, encoding="utf-8")


def test_a_step_that_goes_wrong_stops_the_tour(tmp_path: Path) -> None:
    with pytest.raises(TourError, match="exit 2, not 0"):
        Tour(tmp_path).page("```console run\n$ exit 2\n```\n")
    with pytest.raises(TourError, match="python block failed"):
        Tour(tmp_path).page("```python run\nraise ValueError\n```\n")
    with pytest.raises(TourError, match="a place of this machine"):
        Tour(tmp_path.resolve()).page("```console run\n$ pwd\n```\n")


def test_a_tour_page_shows_what_was_printed(tmp_path: Path) -> None:
    steps = ("text file=a/b.txt\nhello\n", "console run\n$ cat a/b.txt\n", "python run\nx = 1\nprint(x)\n")
    source = "A\n" + "".join(f"\n```{step}```\n" for step in steps)
    page = Tour(tmp_path).page(source)
    assert page == (
        "A\n\n`a/b.txt`:\n\n```text\nhello\n```\n\n```console\n$ cat a/b.txt\nhello\n```\n\n"
        "```python\nx = 1\nprint(x)\n```\n\n```text\n1\n```\n"
    )
