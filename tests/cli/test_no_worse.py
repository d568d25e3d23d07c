"""When one member is called no worse than another."""

from __future__ import annotations

import pytest

from mixedsignals.cli._estimates import MARGIN, no_worse


@pytest.mark.parametrize(
    ("low", "shown"), [(0.0, True), (-0.0099, True), (-MARGIN, False), (-0.3, False), (None, None)]
)
def test_the_lower_end_must_lie_above_the_margin(low: float | None, shown: bool | None) -> None:
    row = {"measure": "macro_f1_gain", "source": "conflict|mean", "slice": "all", "low": low}
    others = [
        row | {"source": "gated|mean", "low": 1.0},
        row | {"slice": "conflict=yes", "low": 1.0},
        row | {"measure": "log_loss_gain", "low": 1.0},
    ]
    names, left = no_worse([row, *others], "conflict", "all")
    assert names == (["mean"] if shown else [])
    assert left == ([row] if shown is False else [])
