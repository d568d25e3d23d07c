"""MediaPipe's face models by LiteRT: find the face, its landmarks, and the coefficients of its expression.

The file `face_landmarker.task` is an archive of three networks. What comes before and after each follows MediaPipe's
published graphs (Apache-2.0): BlazeFace on a letterboxed picture, a rotated crop of 1.5 faces for the landmarks.
"""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals.errors import CannotFinish

__all__ = ["COEFFICIENTS", "FaceNetworks", "Seen"]

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

_NAMES = (
    "neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
    "cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight "
    "eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft "
    "eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft "
    "mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight "
    "mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft "
    "noseSneerRight"
)
COEFFICIENTS: tuple[str, ...] = tuple(_NAMES.split())
"""Names of the 52 coefficients, in the order of the network's output; each from 0 to 1."""

_POINTS = np.array(
    [
        *(
            0,
            1,
            4,
            5,
            6,
            7,
            8,
            10,
            13,
            14,
            17,
            21,
            33,
            37,
            39,
            40,
            46,
            52,
            53,
            54,
            55,
            58,
            61,
            63,
            65,
            66,
            67,
            70,
        ),
        *(
            78,
            80,
            81,
            82,
            84,
            87,
            88,
            91,
            93,
            95,
            103,
            105,
            107,
            109,
            127,
            132,
            133,
            136,
            144,
            145,
            146,
            148,
            149,
        ),
        *(
            150,
            152,
            153,
            154,
            155,
            157,
            158,
            159,
            160,
            161,
            162,
            163,
            168,
            172,
            173,
            176,
            178,
            181,
            185,
            191,
            195,
        ),
        *(
            197,
            234,
            246,
            249,
            251,
            263,
            267,
            269,
            270,
            276,
            282,
            283,
            284,
            285,
            288,
            291,
            293,
            295,
            296,
            297,
            300,
        ),
        *(
            308,
            310,
            311,
            312,
            314,
            317,
            318,
            321,
            323,
            324,
            332,
            334,
            336,
            338,
            356,
            361,
            362,
            365,
            373,
            374,
            375,
        ),
        *(
            377,
            378,
            379,
            380,
            381,
            382,
            384,
            385,
            386,
            387,
            388,
            389,
            390,
            397,
            398,
            400,
            402,
            405,
            409,
            415,
            454,
        ),
        *(466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477),
    ]
)
"""The landmarks that the expression network looks at."""

_SIDE, _CROP = 128, 256
_SURE, _PRESENT = 0.5, 0.5
_OVERLAP = 0.3
_WIDER = 1.5


@dataclass(frozen=True, eq=False)
class Seen:
    """One face: landmarks (478, 3) in pixels of the picture (z on the same scale), coefficients (52,) from 0 to 1."""

    landmarks: Floats
    coefficients: Floats


class FaceNetworks:
    """The three networks, ready to run; not to be shared between threads.

    Raises:
        CannotFinish: LiteRT is not installed, or the file is not the archive that it should be.
    """

    def __init__(self, model: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise CannotFinish(
                "Faces need ai-edge-litert, which is not installed: `pip install 'mixedsignals[cues]'`."
            ) from error
        try:
            with zipfile.ZipFile(model) as archive:
                parts = [
                    archive.read(f"{name}.tflite")
                    for name in ("face_detector", "face_landmarks_detector", "face_blendshapes")
                ]
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise CannotFinish(f"{model} cannot be read as MediaPipe's face models ({error}).") from error
        with _hushed():
            self._detector, self._landmarker, self._expression = (
                _Network(Interpreter(model_content=part, num_threads=1)) for part in parts
            )
        self._anchors = _anchors()

    def look(self, picture: Picture) -> Seen | None:
        """The surest face in an RGB picture (h, w, 3); None where there is none."""
        found = self._detect(picture)
        if found is None:
            return None
        centre, side, angle = _region(found)
        crop = _rotated(picture, centre, side, angle)
        outputs = self._landmarker(crop[None].astype(np.float32) / 255.0)
        points = next(one for one in outputs if one.size == 1434).reshape(478, 3).astype(np.float64)
        if _logistic(float(outputs[1].reshape(-1)[0])) < _PRESENT:
            return None
        landmarks = _placed(points, centre, side, angle)
        given = landmarks[_POINTS, :2].astype(np.float32)[None]
        coefficients = self._expression(given)[0].reshape(-1).astype(np.float64)
        return Seen(landmarks, coefficients)

    def _detect(self, picture: Picture) -> Floats | None:
        """Box and six key points of the surest face, (16,) in pixels: x, y of its middle, width, height, points."""
        square, scale, shift = _letterboxed(picture)
        outputs = self._detector(square[None].astype(np.float32) / 127.5 - 1.0)
        raw = next(one for one in outputs if one.shape[-1] == 16).reshape(-1, 16).astype(np.float64)
        score = next(one for one in outputs if one.shape[-1] == 1).reshape(-1).astype(np.float64)
        sure = 1.0 / (1.0 + np.exp(-np.clip(score, -100, 100)))
        best = int(sure.argmax())
        if sure[best] < _SURE:
            return None
        boxes = raw.copy()
        boxes[:, :2] += self._anchors * _SIDE
        boxes[:, 4::2] += self._anchors[:, :1] * _SIDE
        boxes[:, 5::2] += self._anchors[:, 1:] * _SIDE
        same = (sure >= _SURE) & (_overlap(boxes, boxes[best]) > _OVERLAP)
        found: Floats = (boxes[same] * sure[same, None]).sum(axis=0) / sure[same].sum()
        found = found / scale
        found[[0, 4, 6, 8, 10, 12, 14]] -= shift[0]
        found[[1, 5, 7, 9, 11, 13, 15]] -= shift[1]
        return found


@contextmanager
def _hushed() -> Iterator[None]:
    """Without the lines that LiteRT's library writes to the error output whenever it makes an interpreter."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Network:
    """One interpreter, as a function of one array."""

    def __init__(self, interpreter: Any) -> None:
        interpreter.allocate_tensors()
        self._interpreter = interpreter
        self._input = interpreter.get_input_details()[0]["index"]
        self._outputs = [one["index"] for one in interpreter.get_output_details()]

    def __call__(self, given: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(given))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _anchors() -> Floats:
    """Centres of BlazeFace's 896 anchors, in shares of the picture: two per cell of 16 x 16, six per cell of 8 x 8."""
    parts = []
    for cells, each in ((16, 2), (8, 6)):
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        parts.append(np.repeat(np.stack([x.reshape(-1), y.reshape(-1)], axis=1), each, axis=0))
    return np.concatenate(parts)


def _letterboxed(picture: Picture) -> tuple[Floats, float, tuple[float, float]]:
    """The picture in a black square of 128 pixels, its scale, and by how many of its own pixels it is moved in."""
    height, width = picture.shape[:2]
    long = max(height, width)
    left, top = (long - width) / 2, (long - height) / 2
    at = (np.arange(_SIDE) + 0.5) * long / _SIDE - 0.5
    columns, rows = np.meshgrid(at - left, at - top)
    inside = (columns >= -0.5) & (columns <= width - 0.5) & (rows >= -0.5) & (rows <= height - 0.5)
    square = np.where(inside[..., None], _sampled(picture, columns, rows), 0.0)
    return square, _SIDE / long, (left, top)


def _sampled(picture: Picture, columns: Floats, rows: Floats) -> Floats:
    """Bilinear samples at places in pixels; beyond the edge its last pixels go on."""
    height, width = picture.shape[:2]
    x, y = np.clip(columns, 0, width - 1), np.clip(rows, 0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    u, v = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - u) + picture[top, right] * u
    lower = picture[below, left] * (1 - u) + picture[below, right] * u
    mixed: Floats = upper * (1 - v) + lower * v
    return mixed


def _overlap(boxes: Floats, one: Floats) -> Floats:
    """Intersection over union of boxes (n, 4…) with one (4…), each x, y of the middle, width, height."""
    low = np.maximum(boxes[:, :2] - boxes[:, 2:4] / 2, one[:2] - one[2:4] / 2)
    high = np.minimum(boxes[:, :2] + boxes[:, 2:4] / 2, one[:2] + one[2:4] / 2)
    shared = np.maximum(high - low, 0).prod(axis=1)
    result: Floats = shared / np.maximum(boxes[:, 2:4].prod(axis=1) + one[2:4].prod() - shared, 1e-9)
    return result


def _region(found: Floats) -> tuple[Floats, float, float]:
    """Middle, side (pixels) and angle of the square that is cut out: the eyes lie level in it."""
    angle = float(np.arctan2(found[7] - found[5], found[6] - found[4]))
    return found[:2], float(max(found[2], found[3])) * _WIDER, angle


def _turned(angle: float) -> Floats:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _rotated(picture: Picture, centre: Floats, side: float, angle: float) -> Floats:
    """The square region as (256, 256, 3)."""
    at = (np.arange(_CROP) + 0.5) / _CROP - 0.5
    x, y = np.meshgrid(at * side, at * side)
    turned = _turned(angle) @ np.stack([x.reshape(-1), y.reshape(-1)]) + centre[:, None]
    return _sampled(picture, turned[0].reshape(x.shape) - 0.5, turned[1].reshape(x.shape) - 0.5)


def _placed(points: Floats, centre: Floats, side: float, angle: float) -> Floats:
    """Landmarks of the crop in pixels of the picture."""
    flat = (points[:, :2] / _CROP - 0.5) * side
    turned = flat @ _turned(angle).T + centre
    return np.concatenate([turned, points[:, 2:] / _CROP * side], axis=1)


def _logistic(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(value, -100.0, 100.0))))
