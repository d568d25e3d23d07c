"""The documentation says what the code does, both ways: nothing missing, nothing made up, every link alive."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.diagnosis.names import ESTIMATE_NAMES, SCORE_NAMES, MeasureName, expanded
from mixedsignals.tables import CUES, DYNAMICS, GATES, TABLES, conform
from mixedsignals.testing import Made, make_evidence, make_probes, make_shuffled

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

from making.commands import commands, spelled  # noqa: E402
from making.markdown import GENERATED  # noqa: E402
from making.picture import LARGEST  # noqa: E402
from making.readme import BLOCK  # noqa: E402
from making.references import references  # noqa: E402
from making.tour import fences  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
REFERENCES = references()


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_generated_page_is_what_the_code_gives_now(name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == REFERENCES[name], "run `make docs`"


def test_no_generated_page_is_left_over() -> None:
    marked = [path for path in DOCS.rglob("*.md") if GENERATED in path.read_text(encoding="utf-8")]
    assert {path.relative_to(DOCS).as_posix() for path in marked} <= set(REFERENCES)
    codes = {f"{check.code}.md" for check in CHECKS}
    assert {path.name for path in (DOCS / "findings").glob("MS*.md")} == codes


# The command line


def section(page: str, heading: str) -> str:
    """The text below a heading of the second level, up to the next one."""
    return page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_verb_has_a_section_and_every_section_a_verb() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^## mixedsignals (.+)$", page, re.MULTILINE) == [name for name, _ in commands()]


def documented(text: str) -> list[str]:
    """The options in the tables of a section, as they are spelled."""
    return [f"`{cell}`".replace("\\|", "|") for cell in re.findall(r"^\| `(-[^`]+)` \|", text, re.MULTILINE)]


@pytest.mark.parametrize(("name", "verb"), list(commands()), ids=[name for name, _ in commands()])
def test_every_option_is_documented_and_every_documented_option_exists(
    name: str, verb: click.Command
) -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    told = documented(section(page, f"mixedsignals {name}") + section(page, "Options of every verb"))
    assert told == [spelled(option) for option in verb.params if isinstance(option, click.Option)]


# Tables and measures


def test_every_table_and_column_is_in_the_reference() -> None:
    page = (DOCS / "tables.md").read_text(encoding="utf-8")
    for name, table in TABLES.items():
        rows = re.findall(r"^\| \**(\w+)\**\?? \|", section(page, name), re.MULTILINE)
        assert rows == ["column", *table.schema]


def further(made: Made) -> dict[str, pl.DataFrame]:
    """Tables that only some runs have: cues of the clips, how each source learned them, and a second fusion."""
    rng, ids = np.random.default_rng(0), made.clips["clip_id"]
    cues = [
        pl.DataFrame(
            {
                "clip_id": ids,
                "cue": name,
                "modality": "audio",
                "unit": "x",
                "value": rng.normal(size=len(ids)),
            }
        )
        for name in ("pitch", "pause")
    ]
    learned = [
        pl.DataFrame({"clip_id": ids, "p_target": sure, "right": (sure > 0.5).astype(int)}).with_columns(
            run_id=pl.lit(made.run_id),
            seed=pl.lit(42),
            fold=pl.lit(0),
            source=pl.lit(source),
            given=pl.lit("text+audio+video" if source == "fusion" else source),
            epoch=pl.lit(epoch),
        )
        for source in ("text", "audio", "video", "fusion")
        for epoch in range(4)
        for sure in (rng.random(len(ids)),)
    ]
    rival = made.predictions.filter(source="fusion", given="text+audio+video").with_columns(
        source=pl.lit("other")
    )
    return {
        "cues": conform(CUES, pl.concat(cues)),
        "dynamics": conform(DYNAMICS, pl.concat(learned)),
        "predictions": pl.concat([made.predictions, rival]),
    }


def probed(**plan: Any) -> dict[str, Any]:
    """Evidence of a plan with everything that probes add: two handlings, gates, changed clips, and the null."""
    made = make_evidence(**plan, pairs=True)
    rng = np.random.default_rng(1)
    whole = pl.col("given") == "text+audio+video"
    fewer = made.predictions.filter(~whole)
    handled = [fewer.with_columns(source=pl.lit(f"fusion~{one}")) for one in ("token", "resampled")]
    rows = made.predictions.filter(whole, pl.col("label") == made.labels.names[0])
    gates = [
        rows.select("run_id", "seed", "clip_id", "source", "given").with_columns(
            modality=pl.lit(modality), gate=rng.random(len(rows)), weight=rng.random(len(rows))
        )
        for modality in ("text", "audio", "video")
    ]
    return {
        **made.evidence(),
        "predictions": pl.concat([made.predictions, *handled]),
        "gates": conform(GATES, pl.concat(gates)),
        "probes": pl.concat([make_probes(**plan, media=True), make_shuffled(**plan)]),
    }


@pytest.fixture(scope="module")
def diagnosed() -> list[pl.DataFrame]:
    """Estimates and scores of made evidence that lets every check speak: nominal and ordinal labels."""
    options = DiagnosisOptions(permutations=99)
    plans = (
        {"conflict": {"text": 0.2}, "ambiguous": 0.1},
        {"labels": ("low", "mid", "high"), "kind": "ordinal", "conflict": {"audio": 0.2}},
    )
    made = [make_evidence(n_clips=200, pairs=True, **plan) for plan in plans]
    evidence = [one.evidence() for one in made]
    evidence.append({**evidence[0], "target_source": "votes"})
    often = {"text": 1.2, "audio": 1.2, "video": 1.2}
    misled = make_evidence(n_clips=600, n_speakers=20, seed=4, strength=often)
    evidence.append({**misled.evidence(), **further(misled)})
    loud = {"conflict": {"audio": 0.3}, "weights": {"audio": 2.0}}
    evidence.append(probed(n_clips=200, n_speakers=12, **loud))
    evidence.append(probed(n_clips=200, n_speakers=12, strength={"text": 0.0, "audio": 1.2, "video": 2.5}))
    found = [diagnose(Evidence(**tables), options=options) for tables in evidence]
    return [pl.concat([one.estimates for one in found]), pl.concat([one.scores for one in found])]


@pytest.mark.parametrize(
    ("which", "declared"), [(0, ESTIMATE_NAMES), (1, SCORE_NAMES)], ids=["estimates", "scores"]
)
def test_every_measure_is_declared_and_every_declared_one_is_made(
    which: int, declared: dict[str, MeasureName], diagnosed: list[pl.DataFrame]
) -> None:
    names = [name for pattern in declared for name in expanded(pattern)]
    assert len(names) == len(set(names))
    assert set(diagnosed[which]["measure"]) == set(names)


def test_every_measure_names_a_check_that_exists() -> None:
    codes = {check.code for check in CHECKS}
    for one in (*ESTIMATE_NAMES.values(), *SCORE_NAMES.values()):
        assert set(one.check.split(", ")) <= codes


# Links and examples


def links(page: str) -> Iterator[str]:
    """Targets of relative links and pictures, outside code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def anchors(page: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in links(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_python_example_is_python(page: Path) -> None:
    for fence in fences(page.read_text(encoding="utf-8")):
        if fence.kind == "python":
            compile(fence.body, str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    known = {name.split()[0] for name, _ in commands()}
    shown = re.findall(r"^(?:\$ |    )mixedsignals ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(shown) <= known


def test_no_page_names_a_place_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(
            r"(?<![\w.])/(?:home|root|tmp|work|opt|Users)/", page.read_text(encoding="utf-8")
        ), page


# The README


def test_readme_shows_what_the_two_commands_print() -> None:
    block = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    printed = block[2].splitlines()
    assert printed[0].split() == ["model", "macro-F1", "accuracy", "parts", "from", "fusion"]
    assert printed[-1] == "build/demo/run/report/index.html"
    tour = (DOCS / "tour.md").read_text(encoding="utf-8").splitlines()
    models = printed[: printed.index("")]
    assert len(models) == 9, "a line of headings, seven models, and the second fusion"
    assert all(row in tour for row in models), "run `python docs/build.py tour picture readme`"


def test_readme_begins_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[0]
    assert re.findall(r"^    (?:git clone|make) .*$", head, re.MULTILINE)[-1] == "    make demo"


def test_pictures_are_small() -> None:
    assert (DOCS / "images" / "report.png").stat().st_size <= LARGEST
