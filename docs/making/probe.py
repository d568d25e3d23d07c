"""`docs/probe.md`: the probes in words, from `probe.in.md`, with what they found on the built-in corpus and on RAVDESS.

`python docs/build.py probe` trains the runs (half an hour; what is there is not trained again), probes them and saves
the numbers; `references` fills them into the page.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import polars as pl

from making.markdown import GENERATED, table

__all__ = ["NAMES", "RESULTS", "WORK", "corpus_of", "interval", "measure_probes", "probe_page"]

DOCS = Path(__file__).resolve().parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results" / "dominance" / "probe.json"
WORK = DOCS.parent / "build" / "probe"
NAMES = {"playhouse": "playhouse", "ravdess": "RAVDESS speech"}

_MEASURES = re.compile(
    r"(shapley|shapley_predicted|flip_rate):\w+|shapley_difference:\w+|follow_(rate|difference)|"
    r"(null:|excess:|best_unimodal:)?unsupported_dominance_rate|probe_change|"
    r"(gate|weight)_rank:\w+|(chance:)?(gate|weight)_names_dominant|(chance:)?imputation_agreement:[\w~]+"
)
_SLICES = re.compile(r"all|over=\w+|swapped=[\w|]+|modality=\w+|(mute|mismatch|noise:\d+)=\w+")
Row = dict[str, Any]


def measure_probes() -> list[str]:
    """Run and probe both corpora, and save what the page shows; what was done, in words."""
    from mixedsignals import api
    from mixedsignals.cli._verb import progress

    content, said = _saved(), []
    for name, title in NAMES.items():
        corpus = corpus_of(name)
        if corpus is None:
            said.append(f"{title}: kept as it is (MIXEDSIGNALS_DATA is not set)")
            continue
        folder = api.fit(api.read(corpus), WORK / name, progress=progress())
        api.probe(folder.path, options=api.ProbeOptions(), with_report=False, progress=progress())
        content[title] = _of_run(folder.path)
        said.append(f"{title}: {len(content[title]['rows'])} numbers")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    return said


def _saved() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}


def corpus_of(name: str) -> Path | None:
    """The folder of a corpus; None where its data are not there."""
    from mixedsignals import api

    if name == "playhouse":
        return api.playhouse()
    data = os.environ.get("MIXEDSIGNALS_DATA")
    if not data:
        return None
    folder = WORK / f"corpus-{name}"
    if not (folder / "corpus.toml").is_file():
        api.import_corpus(name, Path(data) / name, folder, media="link")
    return folder


def _of_run(run: Path) -> dict[str, Any]:
    """The numbers of a probed run that the page shows, and what was asked."""
    found = pl.read_parquet(run / "tables" / "estimates.parquet")
    rows = [
        {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}
        for row in found.select("measure", "source", "slice", "value", "low", "high", "p").iter_rows(
            named=True
        )
        if _MEASURES.fullmatch(row["measure"]) and _SLICES.fullmatch(row["slice"])
    ]
    probes = pl.read_parquet(
        run / "tables" / "probes.parquet", columns=["clip_id", "probe", "modality", "donor_id"]
    )
    swaps = probes.filter(probe="swap").unique().height
    return {"clips": probes["clip_id"].n_unique(), "swaps": swaps, "rows": rows}


def probe_page() -> str:
    """The page; a line `<!-- KIND CORPUS -->` stands for what was found on a corpus."""
    content = _saved()

    def filled(found: re.Match[str]) -> str:
        if found[2] not in content:
            return "Not measured yet: `python docs/build.py probe`."
        return _KINDS[found[1]](_Found(content[found[2]]))

    text = (DOCS / "probe.in.md").read_text(encoding="utf-8")
    title, rest = re.sub(r"^<!-- (\w+) (.+) -->$", filled, text, flags=re.MULTILINE).split("\n", 1)
    return f"{title}\n\n{GENERATED}\n{rest}"


class _Found:
    """The numbers of one corpus by measure, source and slice."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.clips, self.swaps = content["clips"], content["swaps"]
        self._rows = {(row["measure"], row["source"], row["slice"]): row for row in content["rows"]}

    @property
    def fusions(self) -> list[str]:
        return list(dict.fromkeys(source for _, source, _ in self._rows if "~" not in source))

    @property
    def modalities(self) -> list[str]:
        names = (m.removeprefix("shapley:") for m, *_ in self._rows if m.startswith("shapley:"))
        return list(dict.fromkeys(names))

    def row(self, measure: str, source: str, where: str = "all") -> Row | None:
        return self._rows.get((measure, source, where))

    def cell(self, measure: str, source: str, where: str = "all") -> str:
        row = self.row(measure, source, where)
        return "" if row is None else interval(row)

    def first(self, measure: str, source: str, where: str = "all") -> list[tuple[str, Row]]:
        """Modalities by that measure, the largest first; `{0}` stands for the modality."""
        found = [(m, self.row(measure.format(m), source, where.format(m))) for m in self.modalities]
        return sorted(((m, row) for m, row in found if row), key=lambda pair: -pair[1]["value"])


def interval(row: Row) -> str:
    """`value [low, high]` of a saved row, or the value alone."""
    value, low, high = (
        None if row[k] is None else f"{round(row[k], 3) + 0.0:.3f}" for k in ("value", "low", "high")
    )
    return str(value) if low is None or high is None else f"{value} [{low}, {high}]"


def _verdict(found: _Found) -> str:
    """Who leads by Shapley values and who by swaps, per fusion, and whether they agree."""
    lines = []
    for fusion in found.fusions:
        carries = _lead(found, fusion, "shapley:{0}", "all", ("shapley_difference:{0}", "over={1}"))
        follows = _lead(found, fusion, "follow_rate", "swapped={0}", ("follow_difference", "swapped={0}|{1}"))
        if None in (carries[0], follows[0]):
            agree = "Whether they agree cannot be told"
        else:
            agree = "They agree" if carries[0] == follows[0] else "They do not agree"
        lines.append(f"- `{fusion}`: by Shapley values {carries[1]}; by swaps {follows[1]}. {agree}.")
    return "\n".join(lines)


def _lead(
    found: _Found, fusion: str, measure: str, where: str, difference: tuple[str, str]
) -> tuple[str | None, str]:
    """The modality that leads, None where the first two are not told apart, and both in words."""
    (one, top), (two, second) = found.first(measure, fusion, where)[:2]
    apart = _difference(found, fusion, difference, one, two)
    leads = apart is not None and apart["low"] is not None and apart["low"] > 0
    told = "" if apart is None else f" by {interval(apart)}{_p(apart['p'])}"
    if leads:
        return one, f"{one} ({interval(top)}) leads {two} ({interval(second)}){told}"
    return (
        None,
        f"{one} ({interval(top)}) and {two} ({interval(second)}) are not told apart (they differ{told})",
    )


def _difference(found: _Found, fusion: str, names: tuple[str, str], one: str, two: str) -> Row | None:
    """How far `one` is ahead of `two`, whichever way round it was counted."""
    measure, where = names
    if row := found.row(measure.format(one, two), fusion, where.format(one, two)):
        return row
    row = found.row(measure.format(two, one), fusion, where.format(two, one))
    return row and {**row, "value": -row["value"], "low": -row["high"], "high": -row["low"]}


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return ", p < .001" if p < 0.001 else f", p = {p:.3f}"


def _carried(found: _Found) -> str:
    """Shapley values by three handlings, in share right; by the first in nats; and flips."""
    head = (
        "fusion",
        "modality",
        "trained on each subset",
        "learned token",
        "resampled",
        "log-odds",
        "left out: label changes",
    )
    rows = [
        (
            f"`{fusion}`",
            modality,
            *(found.cell(f"shapley:{modality}", f"{fusion}{way}") for way in ("", "~token", "~resampled")),
            found.cell(f"shapley_predicted:{modality}", fusion),
            found.cell(f"flip_rate:{modality}", fusion),
        )
        for fusion in found.fusions
        for modality in found.modalities
    ]
    return table(head, rows)


def _followed(found: _Found) -> str:
    """Follow rates, and how often other changes of one modality change the label."""
    changes = {
        "same label": "mismatch",
        "withheld": "mute",
        "noise 10 dB": "noise:10",
        "noise 0 dB": "noise:0",
    }
    head = ("fusion", "modality", "follow rate", *(f"label changes: {title}" for title in changes))
    rows = [
        (
            f"`{fusion}`",
            modality,
            found.cell("follow_rate", fusion, f"swapped={modality}"),
            *(found.cell("probe_change", fusion, f"{probe}={modality}") for probe in changes.values()),
        )
        for fusion in found.fusions
        for modality in found.modalities
    ]
    return f"{found.clips:,} clips, {found.swaps:,} swaps.\n\n{table(head, rows)}"


def _misled(found: _Found) -> str:
    """The finder's rate, its null and the best single modality."""
    names = {
        "rate": "unsupported_dominance_rate",
        "dealt anew": "null:unsupported_dominance_rate",
        "more than that": "excess:unsupported_dominance_rate",
        "best single modality": "best_unimodal:unsupported_dominance_rate",
    }
    rows = []
    for fusion in found.fusions:
        more = found.row(names["more than that"], fusion)
        p = "" if more is None or more["p"] is None else f"{more['p']:.3f}"
        rows.append((f"`{fusion}`", *(found.cell(measure, fusion) for measure in names.values()), p))
    return table(("fusion", *names, "p"), rows)


def _gates(found: _Found) -> str:
    """Gates and weights against Shapley values, and how often two ways of filling gaps name the same modality."""
    rows = []
    for fusion in found.fusions:
        for kind, words in (("gate", "gate"), ("weight", "attention weight")):
            if found.row(f"{kind}_names_dominant", fusion) is None:
                continue
            ranks = (found.cell(f"{kind}_rank:{modality}", fusion) for modality in found.modalities)
            named = [found.cell(f"{of}{kind}_names_dominant", fusion) for of in ("", "chance:")]
            rows.append((f"`{fusion}`", words, *ranks, *named))
    gates = table(("fusion", "what", *found.modalities, "names the largest", "by chance"), rows)
    ways = {
        "trained and token": "subset~token",
        "trained and resampled": "subset~resampled",
        "token and resampled": "token~resampled",
    }
    agreed = []
    for fusion in found.fusions:
        cells = []
        for way in ways.values():
            same, chance = (found.cell(f"{of}imputation_agreement:{way}", fusion) for of in ("", "chance:"))
            cells.append(f"{same} (chance {chance})" if same else "")
        agreed.append((f"`{fusion}`", *cells))
    told = "Clips on which two ways of filling gaps name the same modality:"
    return f"{gates}\n\n{told}\n\n{table(('fusion', *ways), agreed)}"


_KINDS = {
    "verdict": _verdict,
    "carried": _carried,
    "gates": _gates,
    "followed": _followed,
    "misled": _misled,
}
