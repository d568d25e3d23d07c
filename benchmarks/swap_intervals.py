"""Whose groups must an interval of a follow rate count: of clips that receive a modality, or of those that lend it too?

`python -m benchmarks.swap_intervals` draws 1,000 corpora of each setting, swaps a modality between clips (partners of
the same speaker first, so that speakers of few clips borrow from others), and makes both intervals of the same rate;
the truth is its value on an endless corpus. It writes `results/swap_intervals.json` in a few minutes; `--corpora 20`
is quicker.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.results_file import print_table, save
from benchmarks.simulated.corpora import Setting, draw_corpus
from benchmarks.simulated.swapped import Shown, follow, rates, shown_by, swap
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.inference import SIGNED, Estimate

SETTINGS = (
    Setting(20, labels=3, clips=15),
    Setting(20, labels=3, clips=5),
    Setting(40, labels=3, clips=3),
    Setting(100, labels=3, clips=2),
)
ENDLESS = 32_000
"""Speakers of the corpus that gives the truth; a quarter of them swap."""


def both_ways(shown: Shown) -> tuple[Estimate, Estimate]:
    """The follow rate with the groups of both clips left out, and with those of the receiving clip alone."""
    found = swap(shown, 0)
    each = rates(shown.groups, found, found.moved)
    alone = [replace(one, lends=np.full_like(one.lends, -1)) for one in each]
    return across_seeds(each, limits=SIGNED), across_seeds(alone, limits=SIGNED)


def row(setting: Setting, corpora: int, endless: int) -> dict[str, Any]:
    """Coverage and mean width of both."""
    whole = draw_corpus(
        np.random.default_rng([7, setting.speakers, setting.clips]),
        replace(setting, speakers=endless, raters=4000, endless=True),
    )
    truth = follow(replace(whole, groups=whole.groups.blocks(5))).value
    ends, apart = [], []
    for at in range(corpora):
        shown = shown_by(
            draw_corpus(np.random.default_rng([8, at, setting.speakers, setting.clips]), setting)
        )
        found, pairs = both_ways(shown), shown.pairs(False)
        apart.append(1.0 - pairs.same_group.mean())
        ends.append([[one.low, one.high] for one in found])
    held = np.asarray(ends, dtype=np.float64)
    inside = (held[..., 0] <= truth) & (truth <= held[..., 1])
    width = (held[..., 1] - held[..., 0]).mean(axis=0)
    return {
        "speakers": setting.speakers,
        "clips of a speaker": setting.clips,
        "swaps between speakers": float(np.mean(apart)),
        "truth": truth,
        "coverage, both clips of a swap": float(inside[:, 0].mean()),
        "coverage, receiving clips alone": float(inside[:, 1].mean()),
        "mean width, both": float(width[0]),
        "mean width, receiving alone": float(width[1]),
        "corpora": corpora,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table; write it if it is whole."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpora", type=int, default=1000, help="corpora per setting")
    given = parser.parse_args(argv)
    whole = given.corpora >= 1000
    found = [row(setting, given.corpora, ENDLESS if whole else 2000) for setting in SETTINGS]
    print_table(found)
    if whole:
        save("swap_intervals", found)


if __name__ == "__main__":
    main()
