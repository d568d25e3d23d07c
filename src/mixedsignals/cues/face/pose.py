"""How a head is held, from landmarks alone, and how fast it turns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["angles", "turning"]

Floats = npt.NDArray[np.float64]

_RIGHT_EYE, _LEFT_EYE, _FOREHEAD, _CHIN = 33, 263, 10, 152


def angles(landmarks: Floats) -> Floats:
    """Yaw, pitch and roll (degrees, (3,)) of a face from its landmarks (478, 3), z on the scale of x and y.

    The line between the outer corners of the eyes and the one from forehead to chin span the face. Yaw is above 0
    where the face turns to the right of the picture, pitch where it looks down, roll where it leans to the right.
    """
    across = landmarks[_LEFT_EYE] - landmarks[_RIGHT_EYE]
    down = landmarks[_CHIN] - landmarks[_FOREHEAD]
    across = across / np.linalg.norm(across)
    down = down - across * (across @ down)
    down = down / np.linalg.norm(down)
    forward = -np.cross(across, down)  # out of the face, towards the camera (z grows away from it)
    yaw = np.arctan2(forward[0], -forward[2])
    pitch = np.arctan2(forward[1], np.hypot(forward[0], forward[2]))
    roll = np.arctan2(across[1], across[0])
    held: Floats = np.degrees(np.array([yaw, pitch, roll]))
    return held


def turning(held: Floats, seconds: Floats) -> float | None:
    """Mean speed (degrees per second) at which angles (n, 3) at times (n,) change; None with fewer than two."""
    if len(held) < 2:
        return None
    step = np.linalg.norm(np.diff(held, axis=0), axis=1)
    return float(step.sum() / max(float(seconds[-1] - seconds[0]), 1e-6))
