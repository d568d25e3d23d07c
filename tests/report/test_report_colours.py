"""Colours of the page can be told apart by everybody: contrast, and distance as seen without one kind of cone."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from mixedsignals.report.render import asset

Colours = dict[str, npt.NDArray[np.float64]]

# Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB.
DEFICIENCIES = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
TOGETHER = [("text", "audio", "video", "fusion"), ("quiet", "misled", "rescued", "wrong")]


def palettes() -> dict[str, Colours]:
    """Linear RGB of every variable, per theme: the four blocks are light, dark by choice, dark by system, print."""
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", asset("report.css"))
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block)) for block in blocks]
    assert len(found) == 4
    assert found[1] == found[2]
    themes = {"light": found[0], "dark": found[1], "print": found[3]}
    return {name: {key: linear(value) for key, value in block.items()} for name, block in themes.items()}


def linear(code: str) -> npt.NDArray[np.float64]:
    digits = code[1:] if len(code) == 7 else "".join(2 * digit for digit in code[1:])
    value = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """WCAG 2 contrast ratio."""
    low, high = sorted(float(colour @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def oklab(colour: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ottosson (2020): lightness, green to red, blue to yellow; distances are about as seen."""
    seen: npt.NDArray[np.float64] = np.cbrt(CONES @ np.clip(colour, 0, 1)) @ LAB.T
    return seen


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_words_and_marks_stand_out_from_the_paper(theme: str) -> None:
    colours = palettes()[theme]
    for name in ("ink", "ink-2", "accent", "good", "bad", "warn"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("text", "audio", "video", "fusion", "people", "other", "misled", "rescued", "wrong"):
        assert contrast(colours[f"c-{name}"], colours["paper"]) >= 3, name
    for fill in ("fill", "fill-people"):
        assert contrast(colours["ink"], colours[fill]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("together", TOGETHER)
def test_colours_that_stand_together_differ_for_every_kind_of_eye(
    theme: str, deficiency: str, together: tuple[str, ...]
) -> None:
    seen = {
        name: oklab(np.array(DEFICIENCIES[deficiency]) @ palettes()[theme][f"c-{name}"]) for name in together
    }
    for one, other in combinations(together, 2):
        distance = float(np.linalg.norm(seen[one] - seen[other]))
        assert distance >= 0.15, (one, other, round(distance, 3))
