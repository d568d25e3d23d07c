"""Four ways to ask whether a signal says more than confidence: false claims where it does not, power where it does.

All four sum what is left of target and signal over speakers. They differ in what is taken out (a straight base or one
that bends) and in how: out of fold by ridge regression, out of fold by least squares, or, as the package does it, on
all clips with everything fitted again without each speaker.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.results_file import print_table, save
from benchmarks.simulated.corpora import Question, draw_question
from mixedsignals.measures.association import residual_test
from mixedsignals.measures.calibration import group_folds
from mixedsignals.measures.crossfit import cross_fitted
from mixedsignals.measures.significance import group_t_test
from mixedsignals.measures.splines import make_basis


def _judged(made: Question, left: np.ndarray) -> bool:
    found = group_t_test(made.groups.sums(left[:, 0] * left[:, 1]), made.groups.sizes)
    return found is not None and found[1] < 0.05


def _least_squares(made: Question, columns: np.ndarray) -> bool:
    fold, outcomes = group_folds(made.groups), np.stack([made.target, made.signal], axis=1)
    table = np.concatenate([np.ones((len(columns), 1)), columns], axis=1)
    left = np.empty_like(outcomes)
    for held in range(int(fold.max()) + 1):
        inside = fold == held
        fitted = np.linalg.lstsq(table[~inside], outcomes[~inside], rcond=None)[0]
        left[inside] = outcomes[inside] - table[inside] @ fitted
    return _judged(made, left)


def _ridge(made: Question) -> bool:
    fold, outcomes = group_folds(made.groups), np.stack([made.target, made.signal], axis=1)
    return _judged(made, outcomes - cross_fitted(make_basis(made.base), made.base, outcomes, fold))


def _package(made: Question) -> bool:
    found = residual_test(made.target, made.signal, made.base, made.groups)
    return found is not None and found.p < 0.05


WAYS: dict[str, Callable[[Question], bool]] = {
    "straight base, out of fold": lambda made: _least_squares(made, made.base),
    "bent base, ridge, out of fold": _ridge,
    "bent base, least squares, out of fold": lambda made: _least_squares(
        made, make_basis(made.base)(made.base)
    ),
    "bent base, refitted without each speaker": _package,
}


def rows(corpora: int) -> list[dict[str, Any]]:
    """One row per way, number of speakers and shape of the truth."""
    found = []
    for speakers in (10, 20, 40, 100):
        for bent in (False, True):
            counted = {way: np.zeros(2) for way in WAYS}
            for at, effect in enumerate((0.0, 0.3)):
                for corpus in range(corpora):
                    seed = [zlib.crc32(f"{speakers} {bent} {effect}".encode()), corpus]
                    made = draw_question(np.random.default_rng(seed), speakers, 15, bent=bent, effect=effect)
                    for way, claims in WAYS.items():
                        counted[way][at] += claims(made)
            for way, (false, true) in counted.items():
                found.append(
                    {
                        "way": way,
                        "speakers": speakers,
                        "truth": "bent" if bent else "straight",
                        "false_claims": false / corpora,
                        "power": true / corpora,
                        "corpora": corpora,
                    }
                )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpora", type=int, default=500, help="corpora per setting and effect")
    found = rows(parser.parse_args(argv).corpora)
    print_table(found)
    save("residual_test", found)


if __name__ == "__main__":
    main()
