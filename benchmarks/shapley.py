"""How fast trained heads are asked again: Shapley values of every clip and seed under three handlings, swaps of twenty
partners, the null of the finder; and `shap`'s explainers on the same heads for the same values.

    python -m benchmarks.shapley            heads of the shape of RAVDESS, trained for two epochs on made-up embeddings
    python -m benchmarks.shapley RUN        the heads and embeddings of a finished run

Ours begins with heads on the disk. shap is given heads that are in memory, and vectors that are standardised already;
it explains clip by clip and seed by seed, all labels together, by its exact explainer, and by its permutation explainer
as it comes. Its time is that of a subsample, on one core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import shap
import torch

from benchmarks.heads import SPEAKERS, made
from benchmarks.results_file import print_table, save
from mixedsignals.heads import TOKEN, Asking, HeadOptions, fit_heads, load_heads, save_heads, shuffled
from mixedsignals.heads.fusion import fusion_of
from mixedsignals.heads.handlings import DONORS, HANDLINGS, handled
from mixedsignals.heads.member import Batch
from mixedsignals.heads.saving import HeadModel, HeadModels
from mixedsignals.heads.stack import OUTLIER, Stack
from mixedsignals.measures.dominance import shapley
from mixedsignals.measures.partners import choose_partners

PARTNERS = 20
# shap's explainers, and how many clips they explain.
EXPLAINERS = {"exact": (shap.explainers.Exact, 40), "permutation": (shap.explainers.Permutation, 2)}
SENTENCES = 2
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Given:
    """What is asked: heads as they lie on the disk, embeddings in memory, and who speaks."""

    models: HeadModels
    embeddings: Mapping[str, Any]
    splits: pl.DataFrame
    targets: pl.DataFrame
    speakers: Mapping[str, str | None]


def main() -> None:
    """Print and save the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, help="a finished run; made-up embeddings without it")
    options = parser.parse_args()
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder:
        given = made_up(Path(folder)) if options.run is None else of_run(options.run)
        values, spent, rows = timed(given)
        rows += beside_shap(given, values, spent)
    name = "heads of a run on RAVDESS" if options.run else "made-up embeddings of the shape of RAVDESS"
    print_table([row for row in rows if "what" in row])
    print_table([row for row in rows if "handling" in row])
    save("shapley", rows, heads=name, threads=torch.get_num_threads(), **{"load before": load})


def made_up(folder: Path) -> Given:
    """All heads of the shape of RAVDESS, which has two sentences."""
    embeddings, targets, splits, labels = made()
    text = embeddings["text"]
    said = np.random.default_rng(1).integers(SENTENCES, size=len(text.clip_ids))
    embeddings["text"] = replace(text, values=text.values[said])
    seeds, options = (42, 43, 44, 45), HeadOptions(epochs=2)
    fitted = fit_heads(embeddings, targets, splits, labels, run_id="bench", seeds=seeds, options=options)
    save_heads(fitted.models, folder)
    speakers = {clip: f"s{row % SPEAKERS}" for row, clip in enumerate(text.clip_ids)}
    return Given(load_heads(folder), embeddings, splits, targets, speakers)


def of_run(run: Path) -> Given:
    """The heads of a run's own fusion."""
    from mixedsignals.api.trained import read_trained

    trained = read_trained(run)
    part = trained.parts[0]
    return Given(part.models, part.embeddings, part.splits, trained.targets, trained.corpus.groups)


def timed(given: Given) -> tuple[dict[str, Numbers], dict[str, Spent], list[dict[str, Any]]]:
    """Shapley values (modalities, seeds, clips, labels) and their time by handling; and the time of everything."""
    spent: dict[str, Spent] = {}

    def clock(what: str, work: Callable[[], Any]) -> Any:
        spent[what] = Spent()
        with spent[what].counting():
            return work()

    asking: Asking = clock("opening", lambda: Asking(given.models, given.embeddings, given.splits))
    clock("learning tokens", lambda: asking.learn_tokens(given.targets))
    values = {h: clock(h, lambda h=h: values_of(asking, given, h)) for h in HANDLINGS}
    parts = ["opening", "learning tokens", *HANDLINGS]
    whole = Spent(sum(spent[p].clock for p in parts), sum(spent[p].processor for p in parts))
    clock("swaps", lambda: swaps(asking, given))
    clock("null", lambda: shuffled(asking, given.targets, given.speakers))
    clips = len(asking.plain())
    named = {
        **{f"of these: {part}": (spent[part], None) for part in parts},
        "swaps of 20 partners, as rows": (spent["swaps"], 30),
        "null of the finder, 20 times dealt": (spent["null"], None),
    }
    rows = [_timed("Shapley values, three handlings", clips, whole, 20)]
    rows += [_timed(what, clips, one, limit) for what, (one, limit) in named.items()]
    return values, spent, rows


def _timed(what: str, clips: int, spent: Spent, limit: int | None) -> dict[str, Any]:
    return {
        "what": what,
        "clips": clips,
        "seconds": round(spent.clock, 2),
        "limit": limit,
        "processor seconds": round(spent.processor, 2),
    }


def prior_of(asking: Asking, given: Given) -> Numbers:
    """Shares of the labels among the training clips of each clip's fold, (clips, labels)."""
    shares = asking.target_shares(given.targets)
    found = np.full(shares.shape, np.nan)
    for fold in asking.folds_of(asking.combination):
        found[asking.folds == fold] = shares[asking.members_of(fold, "train")].mean(axis=0)
    return found


def values_of(asking: Asking, given: Given, handling: str) -> Numbers:
    """Shapley values on the log-odds of every label, (modalities, seeds, clips, labels)."""
    items = asking.plain()
    said = handled(asking, items, handling)
    names = asking.modalities
    order = [
        "+".join(m for bit, m in enumerate(names) if code >> bit & 1) for code in range(1, 1 << len(names))
    ]
    nothing = np.broadcast_to(prior_of(asking, given)[items.clips], said[order[0]].shape)
    return shapley(log_odds(np.stack([nothing, *(said[name] for name in order)])))


def log_odds(probability: Numbers) -> Numbers:
    """In nats, probabilities held within a millionth of 0 and 1."""
    held = np.clip(probability, 1e-6, 1 - 1e-6)
    found: Numbers = np.log(held / (1 - held))
    return found


def swaps(asking: Asking, given: Given) -> pl.DataFrame:
    """Every modality of every clip from twenty partners of other labels, as rows of `probes`."""
    labels = asking.target_shares(given.targets).argmax(axis=1)
    codes = {name: code for code, name in enumerate(dict.fromkeys(given.speakers.values()))}
    groups = np.array([codes[given.speakers.get(clip)] for clip in asking.clip_ids], np.int64)
    ids = np.array(asking.clip_ids, dtype=object)
    chosen = choose_partners(labels, asking.folds, groups, count=PARTNERS)
    frames = []
    for modality in asking.modalities:
        items = asking.plain(chosen.clip).showing(modality, chosen.donor)
        donor = ids[chosen.donor].tolist()
        about = {"source": asking.source, "probe": "swap", "modality": modality, "donor_id": donor}
        frames.append(asking.frame(asking.ask(items), items, **about))
    return pl.concat(frames)


class Head:
    """One head in memory, with its vectors standardised: what shap asks.

    Args:
        asking: whose embeddings are meant.
        models, model: the head.
    """

    def __init__(self, asking: Asking, models: HeadModels, model: HeadModel) -> None:
        self.modalities, self.asking = model.head.modalities, asking
        options = HeadOptions(**models.options)
        self.member = fusion_of(options)
        widths = {m: models.widths[m] for m in self.modalities}
        arrays = {name.removeprefix("weights/"): one for name, one in model.arrays().items()}
        labels, dtype = len(models.labels), getattr(torch, options.dtype)
        self.weights = Stack(self.member.parameters(widths, labels), [arrays], dtype).views()
        self.statistics = Stack(self.member.statistics(widths, labels), [arrays], dtype).views()
        self.x = {}
        for m in self.modalities:
            vectors = asking.bank.values[m][asking.bank.rows[m]]
            standard = (vectors - arrays[f"standard/{m}/mean"]) / arrays[f"standard/{m}/scale"]
            self.x[m] = torch.tensor(standard, dtype=dtype).clamp_(-OUTLIER, OUTLIER)

    def __call__(
        self, clips: npt.NDArray[np.int64], tokens: Mapping[str, torch.Tensor] | None = None
    ) -> Numbers:
        """Probabilities (rows, labels); clips (rows, modalities) are positions, `TOKEN` for the token."""
        inputs, present = {}, {}
        for m, rows in zip(self.modalities, torch.from_numpy(clips).T, strict=True):
            x = self.x[m][rows.clamp(min=0)]
            if tokens is not None:
                x = torch.where((rows == TOKEN)[:, None], tokens[m], x)
            inputs[m], present[m] = x[None], torch.ones(1, len(rows), dtype=torch.bool)
        with torch.no_grad():
            batch = Batch(inputs, present, next(iter(present.values())))
            logits = self.member.forward(self.weights, self.statistics, batch, None).logits[0]
        found: Numbers = logits.double().softmax(dim=-1).numpy()
        return found


class Explained:
    """An explainer of shap on the heads of a fold and seed, as a function of features: a clip each, or nothing."""

    def __init__(
        self, asking: Asking, given: Given, fold: int, seed: int, handling: str, explainer: str
    ) -> None:
        self.names, self.handling = asking.modalities, handling
        found = {
            m.head.combination: m for m in given.models.heads if (m.head.fold, m.head.seed) == (fold, seed)
        }
        wanted = list(found) if handling == "subset" else [asking.combination]
        self.heads = {name: Head(asking, given.models, found[name]) for name in wanted}
        whole = asking.heads(asking.combination, fold)
        self.tokens = {m: one[whole.seeds.index(seed), 0] for m, one in whole.tokens.items()}
        shares = asking.target_shares(given.targets)
        train = asking.members_of(fold, "train")
        self.prior = shares[train].mean(axis=0)
        self.donors = np.random.default_rng([0, fold]).permutation(train)[:DONORS]
        nothing = np.full((1, len(self.names)), -1.0)
        self.explainer = EXPLAINERS[explainer][0](self.log_odds, nothing)

    def __call__(self, clips: npt.NDArray[np.int64]) -> Numbers:
        """Values (modalities, clips, labels)."""
        x = np.repeat(clips[:, None], len(self.names), axis=1).astype(np.float64)
        found: Numbers = np.moveaxis(self.explainer(x, silent=True).values, 1, 0)
        return found

    def log_odds(self, rows: Numbers) -> Numbers:
        """Of coalitions (rows, modalities)."""
        clips = rows.astype(np.int64)
        empty = (clips < 0).all(axis=1)
        found = np.tile(self.prior, (len(clips), 1))
        found[~empty] = getattr(self, self.handling)(clips[~empty])
        return log_odds(found)

    def subset(self, clips: npt.NDArray[np.int64]) -> Numbers:
        """Of the models trained on just what is there."""
        found = []
        for row in clips:
            there = [at for at, clip in enumerate(row) if clip >= 0]
            found.append(self.heads["+".join(self.names[at] for at in there)](row[None, there])[0])
        return np.stack(found)

    def token(self, clips: npt.NDArray[np.int64]) -> Numbers:
        """Of all, shown tokens."""
        (head,) = self.heads.values()
        return head(np.where(clips < 0, TOKEN, clips), self.tokens)

    def resampled(self, clips: npt.NDArray[np.int64]) -> Numbers:
        """The mean over donors."""
        (head,) = self.heads.values()
        lent = np.where(clips[:, None] < 0, self.donors[None, :, None], clips[:, None])
        return head(lent.reshape(-1, clips.shape[1])).reshape(len(clips), len(self.donors), -1).mean(axis=1)


@dataclass
class Spent:
    """Seconds on the clock and of the processor."""

    clock: float = 0.0
    processor: float = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """What the block takes is added."""
        start, used = time.perf_counter(), time.process_time()
        yield
        self.clock += time.perf_counter() - start
        self.processor += time.process_time() - used


def beside_shap(given: Given, values: dict[str, Numbers], spent: Mapping[str, Spent]) -> list[dict[str, Any]]:
    """Milliseconds per clip (all seeds) of ours and of shap, and how far the values are apart."""
    asking = Asking(given.models, given.embeddings, given.splits)
    asking.learn_tokens(given.targets)
    clips = len(asking.plain())
    rows = []
    for explainer in EXPLAINERS:
        ours_all, theirs_all = Spent(), Spent()
        for handling in HANDLINGS:
            explained, theirs, apart = explain(asking, given, values[handling], handling, explainer)
            ours = Spent(spent[handling].clock / clips, spent[handling].processor / clips)
            for total, one in ((ours_all, ours), (theirs_all, theirs)):
                total.clock, total.processor = total.clock + one.clock, total.processor + one.processor
            rows.append(compared((explainer, handling), explained, ours, theirs, apart))
        rows.append(compared((explainer, "all three"), None, ours_all, theirs_all, None))
    return rows


def compared(
    which: tuple[str, str], explained: int | None, ours: Spent, theirs: Spent, apart: float | None
) -> dict[str, Any]:
    """One row."""
    return {
        "shap's explainer": which[0],
        "handling": which[1],
        "clips explained by shap": explained,
        "ms a clip": round(1e3 * ours.clock, 2),
        "ms a clip, shap": round(1e3 * theirs.clock, 1),
        "times as fast": round(theirs.clock / ours.clock, 1),
        "processor ms": round(1e3 * ours.processor, 2),
        "processor ms, shap": round(1e3 * theirs.processor, 1),
        "times less processor": round(theirs.processor / ours.processor, 1),
        "values apart (nats)": None if apart is None else float(f"{apart:.1e}"),
    }


def explain(
    asking: Asking, given: Given, values: Numbers, handling: str, explainer: str
) -> tuple[int, Spent, float]:
    """How many clips shap explained, what one of them took on one core, and the largest difference from our values."""
    clips = asking.plain().clips
    spent, apart = Spent(), 0.0
    shown = np.linspace(0, len(clips) - 1, EXPLAINERS[explainer][1]).astype(np.int64)
    cores = torch.get_num_threads()
    torch.set_num_threads(1)  # products this small take longer on several
    for fold in np.unique(asking.folds[clips[shown]]):
        rows = shown[asking.folds[clips[shown]] == fold]
        for at, seed in enumerate(asking.seeds):
            explained = Explained(asking, given, int(fold), seed, handling, explainer)
            if not spent.clock:
                explained(clips[rows[:1]])  # compiled and warm
            with spent.counting():
                theirs = explained(clips[rows])
            apart = max(apart, float(np.abs(theirs - values[:, at, rows]).max()))
    torch.set_num_threads(cores)
    return len(shown), Spent(spent.clock / len(shown), spent.processor / len(shown)), apart


if __name__ == "__main__":
    main()
