"""Draw a speaker's face in a given pose. Looks differ in skin, hair, build, clothes and background.

Everything is a filled or stroked rounded shape, painted back to front; nothing here knows about labels or cues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .acting import Pose
from .drawing import Canvas, Colour, arc, backdrop, bow, mix, moved, round_off
from .plant import SPEAKERS, generator
from .voices import MEN

SKINS: tuple[Colour, ...] = (
    (255, 219, 191), (241, 194, 157), (224, 172, 125), (198, 134, 90), (150, 98, 62), (105, 68, 46),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (38, 30, 28), (72, 46, 32), (120, 74, 42), (196, 148, 84), (160, 72, 38), (150, 150, 152), (24, 24, 30),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (58, 92, 138), (146, 60, 66), (74, 118, 88), (214, 178, 92), (104, 84, 130), (60, 66, 76), (208, 120, 88),
    (96, 150, 160),
)  # fmt: skip
WALLS: tuple[tuple[Colour, Colour], ...] = (
    ((222, 230, 236), (186, 198, 210)), ((238, 226, 206), (214, 194, 168)), ((208, 224, 210), (172, 196, 178)),
    ((228, 214, 226), (196, 176, 198)), ((196, 214, 230), (150, 176, 200)), ((236, 214, 200), (212, 180, 162)),
)  # fmt: skip
IRISES: tuple[Colour, ...] = ((86, 58, 36), (60, 96, 130), (82, 112, 74), (50, 38, 30))
WHITE, DARK, LIP = (250, 250, 248), (40, 26, 26), (190, 84, 84)


@dataclass(frozen=True)
class Looks:
    """What a speaker looks like at rest."""

    skin: Colour
    hair: Colour
    style: str
    clothes: Colour
    wall: tuple[Colour, Colour]
    iris: Colour
    width: float
    jaw: float
    eye: float
    brow: float
    nose: float
    mouth: float
    beard: bool
    glasses: bool
    side: int
    rest: float


def looks(seed: int) -> dict[str, Looks]:
    """One look per speaker."""
    rng = generator(seed, 7)
    skins, hairs = rng.permutation(len(SPEAKERS)), rng.permutation(len(SPEAKERS))
    women = ("long", "bun", "bob", "curly", "scarf", "long")
    men = ("short", "bald", "curly", "side", "short", "side")
    result = {}
    for place, name in enumerate(SPEAKERS):
        man = name in MEN
        result[name] = Looks(
            skin=SKINS[skins[place] % len(SKINS)],
            hair=HAIRS[hairs[place] % len(HAIRS)],
            style=(men if man else women)[place // 2 % 6],
            clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
            wall=WALLS[int(rng.integers(len(WALLS)))],
            iris=IRISES[int(rng.integers(len(IRISES)))],
            width=float(rng.uniform(0.72, 0.84)),
            jaw=float(rng.uniform(0.10, 0.24) - 0.06 * man),
            eye=float(rng.uniform(0.9, 1.15)),
            brow=float(rng.uniform(0.045, 0.065) + 0.02 * man),
            nose=float(rng.uniform(0.85, 1.2)),
            mouth=float(rng.uniform(0.24, 0.30)),
            beard=bool(man and rng.random() < 0.4),
            glasses=bool(rng.random() < 0.25),
            side=int(rng.choice([-1, 1])),
            rest=float(rng.normal(0.004, 0.009)),
        )
    return result


def scene(look: Looks) -> Image.Image:
    """The wall behind the speaker and a picture frame on it, which do not move."""
    wall = Canvas(backdrop(*look.wall))
    x = 1.08 * look.side
    frame = np.array([[x - 0.36, -1.42], [x + 0.36, -1.42], [x + 0.36, -0.6], [x - 0.36, -0.6]])
    wall.fill(frame, mix(look.wall[1], DARK, 0.25))
    wall.fill((frame - [x, -1.01]) * 0.84 + [x, -1.01], mix(look.wall[0], look.clothes, 0.35))
    return wall.image


def draw(look: Looks, pose: Pose, wall: Image.Image) -> np.ndarray:
    """One frame, uint8 (224, 224, 3)."""
    body = Canvas(wall, shift=(0.0, 0.3 * pose.nod), zoom=pose.lean)
    _back_hair(body, look, pose)
    _body(body, look)
    head = Canvas(body.image, tilt=pose.tilt, zoom=pose.lean, shift=(0.0, pose.nod))
    _head(head, look, pose)
    _beard(head, look)
    for eye in (-1, 1):
        _eye(head, look, pose, eye)
        _brow(head, look, pose, eye)
    _nose(head, look, pose)
    _mouth(head, look, pose)
    _front_hair(head, look, pose)
    return head.finish()


def _body(canvas: Canvas, look: Looks) -> None:
    shade = mix(look.skin, DARK, 0.16)
    neck = 0.30 if look.jaw > 0.12 else 0.36
    canvas.fill(np.array([[-neck, 0.6], [neck, 0.6], [neck + 0.08, 1.5], [-neck - 0.08, 1.5]]), shade)
    sides = [(-2.0, 2.4), (-1.55, 1.6), (-0.85, 1.32), (-0.36, 1.16), (0, 1.42), (0.36, 1.16)]
    canvas.fill(round_off([*sides, (0.85, 1.32), (1.55, 1.6), (2.0, 2.4)]), look.clothes)
    collar = mix(look.clothes, WHITE, 0.4)
    canvas.stroke(bow((-0.40, 1.16), (0.40, 1.16), 0.22), collar, 0.06)


def _contour(look: Looks, grow: float = 1.0) -> np.ndarray:
    points = arc(0, 0, look.width * grow, grow)
    down = np.clip(points[:, 1] / grow, 0, 1)
    points[:, 0] *= 1 - look.jaw * down**1.6
    points[:, 1] *= np.where(points[:, 1] < 0, 0.94, 1.0)
    return points


def _head(canvas: Canvas, look: Looks, pose: Pose) -> None:
    shade = mix(look.skin, DARK, 0.12)
    for ear in (-1, 1):
        canvas.fill(arc(ear * look.width * 0.99 - 0.5 * pose.yaw, 0.05, 0.12, 0.19), shade)
    canvas.fill(_contour(look), shade)
    canvas.fill(moved(_contour(look, 0.975) * [0.975, 0.985], 0.6 * pose.yaw, -0.02), look.skin)
    blush = mix(look.skin, (226, 96, 96), 0.04 + 0.20 * pose.blush)
    for cheek in (-1, 1):
        canvas.fill(arc(cheek * 0.44 * look.width / 0.78 + pose.yaw, 0.27, 0.15, 0.10), blush)


def _beard(canvas: Canvas, look: Looks) -> None:
    if look.beard:
        outer = _contour(look)
        outer = outer[outer[:, 1] > 0.18]
        inner = bow((-look.width * 0.72, 0.18), (look.width * 0.72, 0.18), 0.26)
        canvas.fill(np.concatenate([outer, inner]), mix(look.hair, look.skin, 0.15))


def _eye(canvas: Canvas, look: Looks, pose: Pose, side: int) -> None:
    x, y = side * 0.34 * look.width / 0.78 + pose.yaw, -0.08
    wide, high = 0.155 * look.eye, 0.105 * look.eye * pose.lids
    white = arc(x, y, wide, max(high, 0.012))
    lower = y + high * (1.0 - 0.55 * pose.squint)
    white[:, 1] = np.minimum(white[:, 1], lower)
    canvas.fill(white, WHITE)
    if pose.lids > 0.35:
        ix, iy, size = x + pose.gaze[0], y + pose.gaze[1], 0.085 * look.eye
        iris = arc(ix, iy, size, size)
        iris[:, 1] = np.clip(iris[:, 1], y - high, lower)
        canvas.fill(iris, look.iris)
        pupil = arc(ix, iy, size * 0.5, size * 0.5)
        pupil[:, 1] = np.clip(pupil[:, 1], y - high, lower)
        canvas.fill(pupil, (16, 12, 12))
        if iy - 0.03 > y - high:
            canvas.fill(arc(ix + 0.025, iy - 0.03, 0.02, 0.02), WHITE)
    lash = arc(x, y, wide * 1.03, max(high, 0.012) * 1.03, 185, 355)
    canvas.stroke(lash, DARK, 0.032)
    canvas.stroke(bow((x - wide * 0.7, lower + 0.03), (x + wide * 0.7, lower + 0.03), 0.015),
                  mix(look.skin, DARK, 0.18 + 0.1 * pose.squint), 0.018)  # fmt: skip
    if look.glasses:
        canvas.stroke(arc(x, y + 0.02, 0.26, 0.215), (52, 50, 56), 0.03)
        canvas.stroke(np.array([[x - side * 0.26, y], [pose.yaw, y - 0.03]]), (52, 50, 56), 0.03)


def _brow(canvas: Canvas, look: Looks, pose: Pose, side: int) -> None:
    colour = mix(look.hair if look.style != "scarf" else HAIRS[0], DARK, 0.25)
    middle = side * 0.34 * look.width / 0.78 + pose.yaw
    base = -0.33 - 0.10 * (look.eye - 1)
    inner = (middle - side * 0.16, base - pose.brow * 1.5 + 0.015)
    outer = (middle + side * 0.19, base + pose.brow * 0.6 + 0.015)
    canvas.stroke(bow(inner, outer, -0.05), colour, look.brow)


def _nose(canvas: Canvas, look: Looks, pose: Pose) -> None:
    shade, x, size = mix(look.skin, DARK, 0.22), 1.25 * pose.yaw, look.nose
    canvas.stroke(bow((x - 0.085 * size, 0.22), (x + 0.085 * size, 0.22), 0.045 * size), shade, 0.035)
    canvas.stroke(bow((x - 0.05, -0.02), (x - 0.085 * size, 0.2), 0.0), mix(look.skin, DARK, 0.10), 0.028)


def _mouth(canvas: Canvas, look: Looks, pose: Pose) -> None:
    wide = look.mouth * (1 + 1.4 * pose.smile) * (1 - 0.12 * pose.jaw)
    x, y = pose.yaw, 0.53
    corner = y - 1.35 * pose.smile
    left, right = (x - wide, corner), (x + wide, corner)
    middle = 1.35 * pose.smile
    upper = bow(left, right, middle * 0.9 - 0.02 * pose.jaw)
    lower = bow(left, right, middle + 0.02 + 0.17 * pose.jaw)
    lip = mix(mix(LIP, look.skin, 0.35), DARK, 0.08)
    canvas.fill(np.concatenate([moved(upper, 0, -0.028), moved(lower, 0, 0.04)[::-1]]), lip)
    canvas.fill(np.concatenate([upper, lower[::-1]]), (92, 34, 40))
    if pose.jaw > 0.25:
        teeth = np.minimum(moved(upper, 0, 0.05), lower)
        canvas.fill(np.concatenate([upper[4:-4], teeth[4:-4][::-1]]), WHITE)
    canvas.stroke(upper, mix(lip, DARK, 0.45), 0.022)
    for end, way in ((left, -1), (right, 1)):
        crease = bow(end, (end[0] + way * 0.035, end[1] - 0.35 * pose.smile), 0)
        canvas.stroke(crease, mix(look.skin, DARK, 0.35), 0.022)


def _back_hair(canvas: Canvas, look: Looks, pose: Pose) -> None:
    dark, w = mix(look.hair, DARK, 0.3), look.width
    if look.style == "long":
        shape = round_off([(0, -1.08), (w + 0.18, -0.5), (w + 0.22, 0.5), (w + 0.3, 1.5), (-w - 0.3, 1.5),
                           (-w - 0.22, 0.5), (-w - 0.18, -0.5)])  # fmt: skip
    elif look.style == "bob":
        shape = round_off([(0, -1.06), (w + 0.2, -0.4), (w + 0.2, 0.5), (w * 0.6, 0.78), (-w * 0.6, 0.78),
                           (-w - 0.2, 0.5), (-w - 0.2, -0.4)])  # fmt: skip
    elif look.style == "scarf":
        shape = round_off([(0, -1.14), (w + 0.2, -0.4), (w + 0.12, 0.6), (w + 0.1, 1.35), (-w - 0.1, 1.35),
                           (-w - 0.12, 0.6), (-w - 0.2, -0.4)])  # fmt: skip
        dark = mix(look.clothes, DARK, 0.25)
    else:
        return
    # Hair falls straight below the shoulders and leans with the head above them.
    above = np.clip(1.1 - shape[:, 1], 0, None)
    shape[:, 0] += above * np.sin(np.radians(pose.tilt))
    canvas.fill(moved(shape, 0, 0.7 * pose.nod), dark)


def _front_hair(canvas: Canvas, look: Looks, pose: Pose) -> None:
    if look.style == "bald":
        return
    w, part = look.width, 0.25 * look.side
    if look.style == "scarf":
        ring = np.concatenate([_contour(look, 1.16), _contour(look, 0.93)[::-1]])
        canvas.fill(ring, look.clothes)
        return
    if look.style == "bun":
        canvas.fill(arc(0, -1.12, 0.34, 0.28), mix(look.hair, DARK, 0.15))
    side = {"short": -0.12, "side": -0.05, "curly": -0.05, "bun": -0.2, "long": 0.35, "bob": 0.45}[look.style]
    outer = _contour(look, 1.06)
    outer = outer[(outer[:, 1] < side) | (outer[:, 1] < -0.2)]
    outer = outer[np.argsort(np.arctan2(outer[:, 0], -outer[:, 1]))]
    hairline = [(w * 0.86, side), (w * 0.80, -0.42), (w * 0.45, -0.66), (part, -0.74), (-w * 0.45, -0.62),
                (-w * 0.80, -0.42), (-w * 0.86, side)]  # fmt: skip
    canvas.fill(np.concatenate([outer, moved(np.array(hairline), 0.5 * pose.yaw, 0)]), look.hair)
    if look.style == "curly":
        for angle in np.linspace(185, 355, 11):
            spot = arc(0, 0.02, w * 1.02, 0.98, angle, angle)[0]
            canvas.fill(arc(spot[0], spot[1], 0.19, 0.18), look.hair)
    if look.style == "side":
        sweep = round_off([(part * 2, -0.98), (w * 0.9, -0.75), (w * 0.7, -0.52), (part, -0.68), (-w * 0.8, -0.5),
                           (-w * 0.95, -0.72)])  # fmt: skip
        canvas.fill(sweep, mix(look.hair, WHITE, 0.06))
