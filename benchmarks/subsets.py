"""One model for every subset of modalities: fusion trained with learned missing tokens, beside models of each subset.

    python -m benchmarks.subsets [playhouse] [ravdess] [--fusion NAME] [--work FOLDER]

The one model is trained on all modalities with `--missing tokens` and shown each subset of every clip; the others are
trained on that subset alone. Out of fold, seeds 42 and 43, frozen offline encoders; differences in macro-F1 are paired
by clip, above 0 where the one model is better, with intervals over speakers and seeds. *No worse* is a lower end above
the margin that `compare` has.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.designs import SEEDS
from benchmarks.fusion import NAMES, ROOT, corpus_of
from benchmarks.results_file import print_table, save
from mixedsignals import api
from mixedsignals.api.encoding import encode
from mixedsignals.api.fitting import Plan, begin, folds_of
from mixedsignals.cli._estimates import MARGIN
from mixedsignals.embeddings import Embeddings
from mixedsignals.heads import HeadModels, HeadOptions, HeadResults, fit_heads, predict_heads
from mixedsignals.labels import all_combinations, combination
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, difference
from mixedsignals.measures.performance import performance_statistic
from mixedsignals.progress import SILENT
from mixedsignals.store import RunFolder

Said = dict[int, dict[str, str]]


def said(table: pl.DataFrame) -> dict[str, str]:
    """The most probable label of each clip."""
    best = table.sort("probability", descending=True).unique("clip_id", keep="first", maintain_order=True)
    return dict(zip(best["clip_id"], best["label"], strict=True))


class Line:
    """A corpus with its embeddings and folds."""

    def __init__(self, corpus: Path, fusion: str) -> None:
        options = api.RunOptions(second="none")
        with tempfile.TemporaryDirectory() as scratch:
            self.plan: Plan = begin(api.read(corpus), options, RunFolder(Path(scratch) / "none"))[0]
        found = encode(self.plan.corpus, options=options)
        self.embeddings: dict[str, Embeddings] = {name: one.embeddings for name, one in found.items()}
        usable = {clip for one in self.embeddings.values() for clip in one.clip_ids}
        self.splits, self.fusion = folds_of(self.plan, usable, SILENT), fusion

    def fitted(self, missing: str, combinations: list[str]) -> HeadResults:
        """Heads on these combinations."""
        return fit_heads(
            self.embeddings,
            self.plan.targets.table,
            self.splits,
            self.plan.corpus.labels,
            run_id="subsets",
            seeds=SEEDS,
            options=HeadOptions(fusion=self.fusion, missing=missing, threads=1),  # type: ignore[arg-type]
            combinations=combinations,
            groups=self.plan.corpus.groups,
        )

    def shown(self, models: HeadModels, subset: str) -> Said:
        """What one model says out of fold, by seed, when clips are shown with a subset only."""
        left = {name: self.embeddings[name] for name in subset.split("+")}
        return {
            seed: said(predict_heads(models, left, splits=self.splits, only_seeds=[seed]).predictions)
            for seed in SEEDS
        }

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """One per subset."""
        full, subsets = combination(self.embeddings), all_combinations(self.embeddings)
        one = self.fitted("tokens", [full]).models
        each = self.fitted("mask", subsets).predictions
        for subset in subsets:
            apart = {seed: said(each.filter(given=subset, seed=seed)) for seed in SEEDS}
            found = self.compared(self.shown(one, subset), apart)
            gain = found["gain"]
            fine = "" if gain.low is None else "yes" if gain.low > -MARGIN else "not shown"
            yield {
                "corpus": NAMES[name],
                "fusion": self.fusion,
                "shown": subset,
                **{what: _cell(value, signed=what == "gain") for what, value in found.items()},
                f"no worse by {MARGIN:g}": fine,
            }

    def compared(self, one: Said, apart: Said) -> dict[str, Estimate]:
        """Macro-F1 of both, and the paired difference."""
        labels, truth = self.plan.corpus.labels, self.plan.targets.labels_by_clip
        clips = [clip for clip in truth if all(clip in some for by in (one, apart) for some in by.values())]
        target = labels.codes([truth[clip] for clip in clips])
        groups = Groups.of([self.plan.corpus.groups.get(clip) or clip for clip in clips])

        def statistic(words: dict[str, str]) -> Any:
            codes: npt.NDArray[np.int64] = labels.codes([words[clip] for clip in clips])
            return performance_statistic(target, codes, groups, len(labels))

        pairs = [(statistic(one[seed]), statistic(apart[seed])) for seed in SEEDS]
        return {
            "one model": across_seeds([first for first, _ in pairs], scale="logit"),
            "trained on it": across_seeds([second for _, second in pairs], scale="logit"),
            "gain": across_seeds([difference(first, second) for first, second in pairs]),
        }


def _cell(found: Estimate, *, signed: bool) -> str:
    sign = "+" if signed else ""
    if found.value is None or found.low is None or found.high is None:
        return "none"
    return f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"


def main() -> None:
    """Train both ways, print and save the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpora", nargs="*", choices=[*NAMES, []], help="which; playhouse if none is named")
    parser.add_argument("--fusion", default="gated", help="a network of the family")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "fusion", help="where corpora are imported to"
    )
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in given.corpora or ["playhouse"]:
        corpus = corpus_of(name, given.work)
        if corpus is None:
            print(f"{name}: left out, its data are not there", file=sys.stderr)
            continue
        rows += Line(corpus, given.fusion).rows(name)
    print_table(rows)
    print(f"saved {save('subsets', rows, seeds=list(SEEDS)).name}")


if __name__ == "__main__":
    main()
