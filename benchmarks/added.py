"""Two ways to tell how much AUROC a signal adds to confidence: how near they come to what it adds on endless clips.

Fitted anew: predictions of the target out of fold from splines of the confidences, and from splines of confidences and
signal. What is left: the first, and the same plus the coefficient of the residual test times what confidences leave of
the signal, as the package does it. Where few clips cannot teach the first fit a relation that bends, a signal that
follows the same relation helps the second though it adds nothing.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.results_file import print_table, save
from benchmarks.simulated.corpora import Question, draw_question
from mixedsignals.measures.association import DELTA, association
from mixedsignals.measures.calibration import group_folds
from mixedsignals.measures.crossfit import cross_fitted
from mixedsignals.measures.inference import Estimate, difference, estimate
from mixedsignals.measures.ranking import auroc_statistic
from mixedsignals.measures.splines import make_basis

ENDLESS = 3000


def _anew(made: Question) -> Estimate:
    fold, target = group_folds(made.groups), made.target[:, None]
    both = np.concatenate([made.base, made.signal[:, None]], axis=1)
    scores = [cross_fitted(make_basis(one), one, target, fold)[:, 0] for one in (both, made.base)]
    return estimate(
        difference(*(auroc_statistic(one, made.target, made.groups, strata=fold) for one in scores))
    )


def _left(made: Question) -> Estimate:
    return association(made.target, made.signal, made.base, made.groups).delta_auroc


WAYS: dict[str, Callable[[Question], Estimate]] = {"fitted anew": _anew, "what is left": _left}


def _draw(speakers: int, bent: bool, effect: float, at: int) -> Question:
    seed = [zlib.crc32(f"{speakers} {bent} {effect}".encode()), at]
    return draw_question(np.random.default_rng(seed), speakers, 15, bent=bent, effect=effect)


def _row(speakers: int, bent: bool, effect: float, limit: float, found: list[Estimate]) -> dict[str, Any]:
    ends = np.array(
        [(one.value, one.low, one.high) for one in found if one.low is not None], dtype=np.float64
    )
    return {
        "speakers": speakers,
        "truth": "bent" if bent else "straight",
        "effect": effect,
        "adds on endless clips": limit,
        "mean": float(ends[:, 0].mean()),
        "interval holds it": float(((ends[:, 1] <= limit) & (limit <= ends[:, 2])).mean()),
        "said to be .02 or more": float((ends[:, 1] >= DELTA).mean()),
        "corpora": len(ends),
    }


def rows(corpora: int) -> list[dict[str, Any]]:
    """One row per way, number of speakers, shape of the truth and effect."""
    found = []
    for bent in (False, True):
        for effect in (0.0, 0.3, 0.6):
            endless = _draw(ENDLESS, bent, effect, 0)
            limit = float(_left(replace(endless, groups=endless.groups.blocks(50))).value or 0.0)
            for speakers in (10, 20, 40, 100):
                drawn = [_draw(speakers, bent, effect, at) for at in range(corpora)]
                for way, told in WAYS.items():
                    row = _row(speakers, bent, effect, limit, [told(made) for made in drawn])
                    found.append({"way": way, **row})
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpora", type=int, default=200, help="corpora per number of speakers and effect")
    found = rows(parser.parse_args(argv).corpora)
    print_table(found)
    save("added", found)


if __name__ == "__main__":
    main()
