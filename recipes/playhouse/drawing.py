"""A small canvas for drawing rounded shapes with Pillow: three times too large, then averaged down.

Points are (n, 2) arrays in head units: (0, 0) the middle of the head, y downwards, 1 the distance to the chin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

SIZE = 224
OVER = 3
Colour = tuple[int, int, int]


def arc(cx: float, cy: float, rx: float, ry: float, start: float = 0, stop: float = 360) -> np.ndarray:
    """Points of an ellipse from angle to angle in degrees, 0 to the right and 90 downwards."""
    turn = np.radians(np.linspace(start, stop, 48))
    return np.stack([cx + rx * np.cos(turn), cy + ry * np.sin(turn)], axis=1)


def bow(left: tuple[float, float], right: tuple[float, float], sag: float) -> np.ndarray:
    """A parabola between two points whose middle hangs `sag` below the straight line (negative: above)."""
    share = np.linspace(0, 1, 24)[:, None]
    line = (1 - share) * np.array(left) + share * np.array(right)
    return np.asarray(line + np.array([0.0, 1.0]) * 4 * sag * share * (1 - share))


def moved(points: np.ndarray, x: float, y: float) -> np.ndarray:
    """The points, this far to the right and down."""
    return np.asarray(points + np.array([x, y]))


def round_off(corners: list[tuple[float, float]]) -> np.ndarray:
    """A closed Catmull-Rom curve through the corners."""
    p = np.array(corners, dtype=float)
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    t = np.linspace(0, 1, 12, endpoint=False)[None, :, None]
    a, b, c, d = (q[:, None, :] for q in (before, p, after, beyond))
    curve = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    return np.asarray(curve.reshape(-1, 2) / 2)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """One colour, moved this share of the way to the other."""
    r, g, b = (round((1 - share) * p + share * q) for p, q in zip(one, other, strict=True))
    return r, g, b


@dataclass
class Canvas:
    """Draws in head units; `tilt` (degrees), `zoom` and `shift` place the head within the picture."""

    background: Image.Image
    tilt: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    unit: float = 72.0
    image: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.image = self.background.copy()
        self.pen = ImageDraw.Draw(self.image)

    def _pixels(self, points: np.ndarray) -> list[tuple[float, float]]:
        angle = np.radians(self.tilt)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        pivot = np.array([0.0, 1.1])
        head = ((points - pivot) @ turn + pivot) * self.zoom + np.array(self.shift)
        place = (head * self.unit + np.array([SIZE / 2, SIZE / 2])) * OVER
        return [(float(x), float(y)) for x, y in place]

    def fill(self, points: np.ndarray, colour: Colour) -> None:
        """Fill the closed shape."""
        self.pen.polygon(self._pixels(points), fill=colour)

    def stroke(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """Draw an open line with round ends; width in head units."""
        pixels, thick = self._pixels(points), width * self.unit * OVER
        self.pen.line(pixels, fill=colour, width=max(1, round(thick)), joint="curve")
        for x, y in (pixels[0], pixels[-1]):
            self.pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=colour)

    def finish(self) -> np.ndarray:
        """The picture, uint8 (SIZE, SIZE, 3)."""
        return np.asarray(self.image.reduce(OVER))


def backdrop(top: Colour, bottom: Colour) -> Image.Image:
    """A large empty picture with a vertical gradient."""
    share = np.linspace(0, 1, SIZE * OVER)[:, None, None]
    column = (1 - share) * np.array(top) + share * np.array(bottom)
    return Image.fromarray(np.broadcast_to(column, (SIZE * OVER, SIZE * OVER, 3)).round().astype(np.uint8))
