"""Action units by py-feat, where it is installed and its models are there.

py-feat downloads its models from a hub at its first use, and brings many packages; so it is in no extra of this
package. Source: Cheong et al. (2023), *Py-Feat: Python Facial Expression Analysis Toolbox*.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mixedsignals import media
from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.protocol import Measured
from mixedsignals.errors import CannotFinish
from mixedsignals.sources import Source

__all__ = ["PyFeat"]

_PICTURES = 16
_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)


class PyFeat:
    """Mean probabilities of py-feat's twenty action units over sixteen pictures of a clip, `pyfeat_AU01` and so on.

    Raises:
        CannotFinish: py-feat is not installed, or its models cannot be had.
    """

    name = "pyfeat"
    modality = "video"
    cues = tuple(
        Cue(f"pyfeat_AU{unit:02}", "video", "0 to 1", f"mean of action unit {unit}") for unit in _UNITS
    )

    def __init__(self) -> None:
        self._toolbox()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # a process of its own loads the models itself

    @staticmethod
    def _toolbox() -> Any:
        try:
            import feat
        except ModuleNotFoundError as error:
            raise CannotFinish(
                "py-feat is not installed: `pip install py-feat` (it downloads its models at first use); `face` needs "
                "only `mixedsignals[cues]`, and OpenFace's output can be given with --measured video=FOLDER."
            ) from error
        return feat

    @cached_property
    def _detector(self) -> Any:
        try:
            return self._toolbox().Detector()
        except Exception as error:
            raise CannotFinish(f"py-feat cannot load its models ({str(error).splitlines()[0]}).") from error

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """See `Extractor`."""
        try:
            version = metadata.version("py-feat")
        except metadata.PackageNotFoundError:
            version = "not known"
        return {"version": version, "pictures": _PICTURES}

    def measure(self, source: Source) -> Measured:
        """See `Extractor`."""
        if source.path is None:
            return Measured(absent={"*": "no video file is named"})
        if not media.probe(source.path).has_video:
            return Measured(absent={"*": "the file has no picture"})
        pictures = media.frames(source.path, count=_PICTURES, start=source.start, end=source.end)
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder) / f"{at:03}.ppm") for at in range(len(pictures))]
            for file, picture in zip(files, pictures, strict=True):
                height, width = picture.shape[:2]
                Path(file).write_bytes(f"P6 {width} {height} 255\n".encode() + picture.tobytes())
            found = self._detector.detect(files, data_type="image", progress_bar=False)
        values = {}
        for unit in _UNITS:
            column = f"AU{unit:02}"
            if column in found.columns:
                numbers = np.asarray(found[column], dtype=np.float64)
                if np.isfinite(numbers).any():
                    values[f"pyfeat_{column}"] = float(np.nanmean(numbers))
        return Measured(values) if values else Measured(absent={"*": "no face was found"})
