"""`docs/media-probes.md`: probes on real media in words, from `media-probes.in.md`, with what they found.

`python docs/build.py media` probes the recordings of the built-in corpus and of RAVDESS (minutes; what is there is
not made again), writes a conflict corpus of the first, and saves the numbers; `references` fills them in.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from making.markdown import GENERATED, table
from making.probe import NAMES, RESULTS, WORK, corpus_of, interval
from mixedsignals.store import RunFolder

__all__ = ["measure_media_probes", "media_probes_page"]

DOCS = Path(__file__).resolve().parents[1]
SAVED = RESULTS.parent / "media.json"
_CLIPS = 40
_COLUMNS = ("measure", "source", "slice", "value", "low", "high", "n_clips", "n_groups")
_MEASURES = ("follow_rate", "probe_change", "excess:probe_change", "probe_distance", "probe_loss")
Row = dict[str, Any]


def measure_media_probes() -> list[str]:
    """Probe the media of both corpora and save what the page shows; what was done, in words."""
    from mixedsignals import api
    from mixedsignals.cli._verb import progress

    content, said = _saved(), []
    for name, title in NAMES.items():
        corpus = corpus_of(name)
        if corpus is None:
            said.append(f"{title}: kept as it is (MIXEDSIGNALS_DATA is not set)")
            continue
        run = WORK / name
        if not RunFolder(run).exists() or not RunFolder(run).read_manifest().get("fit", {}).get("done"):
            api.run(corpus, run, media="none", progress=progress())
        api.probe(run, media=api.MediaOptions(clips=_CLIPS), with_report=False, progress=progress())
        content[title] = _of_run(run)
        if name == "playhouse":
            content["splices"] = _of_splices(run)
        said.append(f"{title}: {len(content[title]['rows'])} numbers")
    SAVED.parent.mkdir(exist_ok=True)
    SAVED.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    return said


def _saved() -> dict[str, Any]:
    return json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.is_file() else {}


def _rounded(row: Row) -> Row:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}


def _of_run(run: Path) -> dict[str, Any]:
    found = pl.read_parquet(run / "tables" / "estimates.parquet").filter(
        pl.col("measure").is_in(_MEASURES), pl.col("slice").str.starts_with("media:")
    )
    probes = pl.read_parquet(run / "tables" / "probes.parquet").filter(
        pl.col("probe").str.starts_with("media:")
    )
    asked = probes.select("clip_id", "probe", "modality", "donor_id").unique()
    return {
        "clips": asked["clip_id"].n_unique(),
        "versions": asked.height,
        "rows": [_rounded(row) for row in found.select(_COLUMNS).iter_rows(named=True)],
    }


def _of_splices(run: Path) -> dict[str, Any]:
    """A conflict corpus of the run's clips, and whom the run's own heads follow in it, out of fold."""
    from mixedsignals import api
    from mixedsignals.cli._verb import progress

    made = api.write_conflicts(run, WORK / "splices", clips=_CLIPS, progress=progress())
    said = api.predict(run, made.path, progress=progress()).predictions
    full = max(said["given"].unique(), key=len)
    found = api.follow_splices(made.path, predictions=said.filter(given=full))
    return {
        "sentences": [one for one in made.sentences() if str(made.path) not in one],
        "films": dict(made.clips.group_by("kind", maintain_order=True).len().iter_rows()),
        "rows": [_rounded(row) for row in found.iter_rows(named=True)],
    }


def media_probes_page() -> str:
    """The page; a line `<!-- probed CORPUS -->` or `<!-- splices -->` stands for what was found."""
    content = _saved()

    def filled(found: re.Match[str]) -> str:
        name = found[2] or found[1]
        if name not in content:
            return "Not measured yet: `python docs/build.py media`."
        return (_probed if found[1] == "probed" else _spliced)(content[name])

    text = (DOCS / "media-probes.in.md").read_text(encoding="utf-8")
    title, rest = re.sub(r"^<!-- (\w+)(?: (.+))? -->$", filled, text, flags=re.MULTILINE).split("\n", 1)
    return f"{title}\n\n{GENERATED}\n{rest}"


def _probed(content: dict[str, Any]) -> str:
    cells: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in content["rows"]:
        probe, _, modality = row["slice"].rpartition("=")
        cells.setdefault((row["source"], probe, modality), {})[row["measure"]] = row
    head = ("fusion", "probe", "modality", "follow rate", "labels change", "beyond writing anew", "clips")
    names = ("follow_rate", "probe_change", "excess:probe_change")
    fusions = list(dict.fromkeys(fusion for fusion, *_ in cells))
    lines = [
        (
            f"`{fusion}`",
            f"`{probe}`",
            modality,
            *(interval(found[name]) if name in found else "" for name in names),
            str(next(iter(found.values()))["n_clips"]),
        )
        for (fusion, probe, modality), found in sorted(
            cells.items(), key=lambda one: fusions.index(one[0][0])
        )
    ]
    return f"{content['versions']:,} versions of {content['clips']} clips.\n\n{table(head, lines)}"


def _spliced(content: dict[str, Any]) -> str:
    sources = list(dict.fromkeys(row["source"] for row in content["rows"]))
    whats = list(dict.fromkeys(row["what"] for row in content["rows"]))
    found = {(row["source"], row["what"]): row for row in content["rows"]}
    lines = [(f"`{source}`", *(interval(found[source, what]) for what in whats)) for source in sources]
    films = content["films"]
    said = f"{films['conflict']} films in conflict, {films['plain']} as they were."
    return f"{said}\n\n{table(('fusion', *whats), lines)}"
