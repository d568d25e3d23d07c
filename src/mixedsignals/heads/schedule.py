"""The one-cycle schedule: up by a cosine over the first three tenths of the steps, down over the rest.

As in torch's `OneCycleLR` with its defaults, Adam's first beta runs the other way (.95, .85, .95); the start is the
stated learning rate, where torch would take a twenty-fifth of the peak.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["one_cycle"]

_RISE, _FINAL = 0.3, 1e-4
_BETA_LOW, _BETA_HIGH = 0.85, 0.95
Numbers = npt.NDArray[np.float64]


def one_cycle(steps: int, start: float, peak: float) -> tuple[Numbers, Numbers]:
    """Learning rate and first beta of every step, each float64 (steps,); the last rate is a ten-thousandth of `start`.

    Source: Smith and Topin 2018 (arXiv 1708.07120), as in torch.
    """
    turn, end = _RISE * steps - 1, steps - 1
    step = np.arange(steps, dtype=np.float64)
    rising = step <= turn
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(rising, step / turn, (step - turn) / (end - turn))
    along = np.nan_to_num(along, nan=1.0)
    wave = (1 + np.cos(np.pi * along)) / 2
    rate = np.where(rising, peak + (start - peak) * wave, start * _FINAL + (peak - start * _FINAL) * wave)
    beta = np.where(
        rising,
        _BETA_LOW + (_BETA_HIGH - _BETA_LOW) * wave,
        _BETA_HIGH + (_BETA_LOW - _BETA_HIGH) * wave,
    )
    return rate, beta
