"""The tour is executed for real, its page is what its source says, and what it claims about planted conflicts holds."""

from __future__ import annotations

import re
import sys
from pathlib import Path

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


def test_the_page_says_how_often_the_finder_names_the_turned_modality() -> None:
    """Against gates alone and chance, in as many words, for every fusion; the words are those of the interval."""
    page = (DOCS / "tour.md").read_text(encoding="utf-8")
    told = re.findall(
        r"^(\w+): errs on (\d+) planted conflicts.*\n  finder ([\d.]+).*\n  gates  ([\d.]+).*\n  chance ([\d.]+)\n"
        r".*\n  The finder (beats|does not beat) the gates alone: it names (-?[\d.]+) \((.*)\) more\.$",
        page,
        re.MULTILINE,
    )
    assert next(name for name, *_ in told) == "fusion"
    for _, clips, finder, gates, chance, verdict, more, ends in told:
        low = float(ends.split(" to ")[0])
        assert int(clips) > 0
        assert float(finder) > float(chance)
        assert float(more) == pytest.approx(float(finder) - float(gates), abs=0.011)
        assert verdict == ("beats" if low > 0 else "does not beat")


@pytest.mark.weights
def test_every_step_of_the_tour_runs(
    tmp_path: Path, six_speakers: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps for real, on few clips, one seed and few epochs in place of the whole demo, and with few partners."""
    monkeypatch.setenv("MIXEDSIGNALS_CACHE", str(shared_cache))
    (tmp_path / "small").symlink_to(six_speakers)
    run = "mixedsignals run small --out demo/run --seeds 42 --folds 3 --epochs 2 --media none --quiet"
    probe = "mixedsignals probe demo/run --quiet"
    instead = {"mixedsignals demo --out demo --quiet": run, probe: f"{probe} --partners 4 --snr 0"}
    tour = Tour(tmp_path.resolve(), instead=instead)
    page = tour.page((DOCS / "tour.in.md").read_text(encoding="utf-8"))
    assert len(tour.outputs) >= 9
    assert "among the first" in page
    assert "demo/run/report/index.html" in page


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
