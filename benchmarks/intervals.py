"""How long an interval takes: a grouped AUROC and Krippendorff's alpha against the usual packages in a loop.

The usual way computes the measure anew for every resample. Both ways compute the same numbers, and the table says
how far they are apart. Sizes are those of CREMA-D: 7,442 clips, 91 actors, 212,000 votes in six labels; its own votes
are used where MIXEDSIGNALS_DATA names the folder of real data.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.results_file import print_table, save
from mixedsignals.measures.agreement import alpha_statistic
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Resampling, Statistic, bootstrap_weights, estimate
from mixedsignals.measures.ranking import auroc_statistic

CLIPS, ACTORS, VOTES_PER_CONDITION = 7442, 91, 9.5


def clips() -> tuple[np.ndarray, np.ndarray, Groups]:
    """A signal, errors and actors of the size of CREMA-D."""
    rng = np.random.default_rng(0)
    actor = rng.integers(0, ACTORS, CLIPS)
    signal = rng.random(CLIPS) + 0.2 * rng.normal(size=ACTORS)[actor]
    wrong = (rng.random(CLIPS) < 1 / (1 + np.exp(1.5 - 2 * signal))).astype(float)
    return signal, wrong, Groups.of(actor)


def votes() -> tuple[np.ndarray, Groups, str]:
    """Votes (clips x conditions, 6) and actors: real ones where they are there, else of the same size."""
    folder = os.environ.get("MIXEDSIGNALS_DATA")
    path = Path(folder or "") / "cremad" / "tabulatedVotes.csv"
    if folder and path.is_file():
        import polars as pl

        table = pl.read_csv(path, columns=["fileName", *"ADFHNS"])
        counts = table.select(*"ADFHNS").to_numpy().astype(np.float64)
        return counts, Groups.of(name[:4] for name in table["fileName"]), "CREMA-D"
    rng = np.random.default_rng(0)
    actor = rng.integers(0, ACTORS, 3 * CLIPS)
    chance = rng.dirichlet(np.full(6, 0.4), 3 * CLIPS)
    return (
        rng.multinomial(rng.integers(7, 13, 3 * CLIPS), chance).astype(float),
        Groups.of(actor),
        "simulated",
    )


def _seconds(work: Callable[[], Any], *, repeats: int) -> tuple[float, Any]:
    """The least of several times, and the result."""
    times, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def _compare(
    name: str,
    ours: Callable[[], Statistic],
    theirs: Callable[[np.ndarray], float],
    groups: Groups,
    weights: np.ndarray,
    options: Resampling,
    looped: int,
    wanted: float,
) -> dict[str, Any]:
    """One row: our whole interval against `looped` of the same resamples, scaled to all of them."""
    mine, _ = _seconds(lambda: estimate(ours(), scale="identity", options=options), repeats=5)
    chosen = weights[:looped]
    slow, values = _seconds(lambda: [theirs(row[groups.codes]) for row in chosen], repeats=1)
    statistic = ours()
    same = statistic.without_each() if options.method == "jackknife" else statistic.at(weights)
    gap = float(np.abs(same[:looped] - values).max())
    slow = slow * len(weights) / len(chosen)
    return {
        "interval": name,
        "seconds": mine,
        "the usual way, seconds": slow,
        "timed resamples": len(chosen),
        "ratio": slow / mine,
        "wanted": wanted,
        "largest difference": gap,
    }


def rows(looped: int) -> list[dict[str, Any]]:
    """All four comparisons."""
    signal, wrong, actors = clips()
    counts, speakers, source = votes()
    boot, jack = Resampling(method="bootstrap", resamples=10_000), Resampling()
    many = Resampling(method="bootstrap", resamples=2000)

    def sklearn_auroc(weights: np.ndarray) -> float:
        return float(roc_auc_score(wrong, signal, sample_weight=weights))

    def krippendorff_alpha(weights: np.ndarray) -> float:
        repeated = np.repeat(counts, weights.astype(int), axis=0)
        return float(krippendorff.alpha(value_counts=repeated, level_of_measurement="nominal"))

    def auroc() -> Statistic:
        return auroc_statistic(signal, wrong, actors)

    def alpha() -> Statistic:
        return alpha_statistic(counts, speakers)

    without = {groups: 1.0 - np.eye(groups.count) for groups in (actors, speakers)}
    total = f"alpha, {int(counts.sum()):,} votes ({source})"
    return [
        _compare("AUROC, jackknife", auroc, sklearn_auroc, actors, without[actors], jack, looped, 200),
        _compare(
            "AUROC, 10,000 resamples",
            auroc,
            sklearn_auroc,
            actors,
            bootstrap_weights(actors, 10_000),
            boot,
            looped,
            200,
        ),
        _compare(
            f"{total}, jackknife", alpha, krippendorff_alpha, speakers, without[speakers], jack, looped, 100
        ),
        _compare(
            f"{total}, 2,000 resamples",
            alpha,
            krippendorff_alpha,
            speakers,
            bootstrap_weights(speakers, 2000),
            many,
            looped,
            100,
        ),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--looped", type=int, default=91, help="resamples timed of the usual way")
    given = parser.parse_args(argv)
    found = rows(given.looped)
    print_table(found)
    save("intervals", found)


if __name__ == "__main__":
    main()
