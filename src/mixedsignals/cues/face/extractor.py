"""The cues of a face: what mouth, brows and eyes do on average and how much they move, and how the head is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals import media
from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.face.networks import COEFFICIENTS, FaceNetworks, Seen
from mixedsignals.cues.face.pose import angles, turning
from mixedsignals.cues.protocol import Measured
from mixedsignals.errors import InputError
from mixedsignals.sources import Source
from mixedsignals.store import digest_file

__all__ = ["FACE_CUES", "Face"]

Floats = npt.NDArray[np.float64]

_VERSION = 1
_FEWEST = 3
_NOTHING = {"no-video-track", "no-video-in-span", "no-picture"}

_MEANS = {
    "brow_raise": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "brow_lower": ("browDownLeft", "browDownRight"),
    "eye_wide": ("eyeWideLeft", "eyeWideRight"),
    "eye_squint": ("eyeSquintLeft", "eyeSquintRight"),
    "eye_closed": ("eyeBlinkLeft", "eyeBlinkRight"),
    "look_down": ("eyeLookDownLeft", "eyeLookDownRight"),
    "mouth_open": ("jawOpen",),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "mouth_frown": ("mouthFrownLeft", "mouthFrownRight"),
    "mouth_press": ("mouthPressLeft", "mouthPressRight"),
    "mouth_stretch": ("mouthStretchLeft", "mouthStretchRight"),
    "mouth_pucker": ("mouthPucker",),
    "upper_lip": ("mouthUpperUpLeft", "mouthUpperUpRight"),
}
_MOVES = {"brow_movement": "brow_raise", "mouth_movement": "mouth_open", "smile_movement": "smile"}

FACE_CUES = (
    Cue("face_share", "video", "share", "pictures in which a face was found"),
    *(Cue(name, "video", "0 to 1", f"mean of {', '.join(those)}") for name, those in _MEANS.items()),
    *(
        Cue(name, "video", "0 to 1", f"standard deviation of {of} over pictures")
        for name, of in _MOVES.items()
    ),
    Cue("smile_asymmetry", "video", "0 to 1", "mean difference of the two corners of the mouth"),
    Cue("head_yaw", "video", "degrees", "mean turn of the head, above 0 to the right of the picture"),
    Cue("head_pitch", "video", "degrees", "mean nod of the head, above 0 downwards"),
    Cue("head_roll", "video", "degrees", "mean lean of the head, above 0 to the right of the picture"),
    Cue("head_movement", "video", "degrees/s", "mean speed at which the head turns"),
)


@dataclass(frozen=True)
class _Frames:
    """Faces found, and the seconds at which, from the beginning of the clip; how many pictures were looked at."""

    seen: list[Seen]
    seconds: Floats
    looked: int


class Face:
    """The built-in measures of faces.

    Args:
        model: MediaPipe's `face_landmarker.task`; `mixedsignals weights fetch` brings it.
        pictures: how many are looked at in a clip, at even steps.

    Raises:
        CannotFinish: LiteRT is not installed, or the file is not what it should be.
    """

    name = "face"
    modality = "video"
    cues = FACE_CUES

    def __init__(self, model: Path, *, pictures: int = 16) -> None:
        self.model, self.pictures = Path(model), pictures
        self._networks: FaceNetworks | None = FaceNetworks(self.model)
        self._digest = digest_file(self.model)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_networks": None}  # a process of its own loads the networks itself

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """See `Extractor`."""
        return {"version": _VERSION, "model": self._digest, "pictures": self.pictures}

    def measure(self, source: Source) -> Measured:
        """See `Extractor`."""
        if source.path is None:
            return Measured(absent={"*": "no video file is named"})
        info = media.probe(source.path)
        if not info.has_video:
            return Measured(absent={"*": "the file has no picture"})
        try:
            pictures = media.frames(source.path, count=self.pictures, start=source.start, end=source.end)
        except InputError as error:
            if {problem.code for problem in error.problems} <= _NOTHING:
                return Measured(absent={"*": "the file has no picture there"})
            raise
        end = source.end if source.end is not None else info.duration
        length = None if end is None else end - (source.start or 0.0)
        return self.of_pictures(pictures, length)

    def of_pictures(self, pictures: npt.NDArray[np.uint8], seconds: float | None) -> Measured:
        """The cues of pictures (n, h, w, 3) at even steps of a clip that lasts `seconds` (None: not known)."""
        if self._networks is None:
            self._networks = FaceNetworks(self.model)
        found = [(at, seen) for at, picture in enumerate(pictures) if (seen := self._networks.look(picture))]
        share = {"face_share": len(found) / len(pictures)}
        if not found:
            return Measured(absent={"*": "no face was found"})
        times = (np.array([at for at, _ in found]) + 0.5) * ((seconds or 0.0) / len(pictures))
        frames = _Frames([seen for _, seen in found], times, len(pictures))
        values = share | _expression(frames)
        absent = {}
        if len(found) < _FEWEST:
            absent = dict.fromkeys(
                (*_MOVES, "head_movement"), f"a face was found in {len(found)} pictures only"
            )
        held = np.stack([angles(seen.landmarks) for seen in frames.seen])
        values |= dict(zip(("head_yaw", "head_pitch", "head_roll"), held.mean(axis=0).tolist(), strict=True))
        speed = turning(held, times)
        if seconds is None:
            absent["head_movement"] = "the length of the clip is not known"
        elif speed is not None:
            values["head_movement"] = speed
        return Measured({name: value for name, value in values.items() if name not in absent}, absent)


def _expression(frames: _Frames) -> dict[str, float]:
    place = {name: at for at, name in enumerate(COEFFICIENTS)}
    each = np.stack([seen.coefficients for seen in frames.seen])
    tracks = {name: each[:, [place[one] for one in those]].mean(axis=1) for name, those in _MEANS.items()}
    values = {name: float(track.mean()) for name, track in tracks.items()}
    values |= {name: float(tracks[of].std()) for name, of in _MOVES.items()}
    corners = each[:, place["mouthSmileLeft"]] - each[:, place["mouthSmileRight"]]
    return values | {"smile_asymmetry": float(np.abs(corners).mean())}
