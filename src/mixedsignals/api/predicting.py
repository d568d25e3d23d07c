"""The verb `predict`: what a trained run says of new clips, and of its own only by heads that never saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.corpora import read
from mixedsignals.api.encoding import encode
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.manifest import RunOptions
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder
from mixedsignals.tables import CLIPS, SPLITS, conform, read_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus

__all__ = ["Prediction", "Predictor", "predict"]


@dataclass(frozen=True)
class Prediction:
    """What a run says of clips.

    Attributes:
        predictions: clip_id, source, given, label, probability, n_heads; the mean over the heads that may speak.
        gates: clip_id, source, given, modality, gate, weight.
        missing: modalities of the run that a clip lacks, per clip that lacks any.
    """

    predictions: pl.DataFrame
    gates: pl.DataFrame
    missing: dict[str, tuple[str, ...]]


class Predictor:
    """A trained run, loaded once, ready for any number of clips.

    Args:
        run: the folder of a run with models.
        progress: where encoding reports.

    Raises:
        InputError: the folder is no run with models.
    """

    def __init__(self, run: Path | str, *, progress: Progress = SILENT) -> None:
        from mixedsignals.heads import load_heads

        self.run = RunFolder(Path(run))
        self.manifest = self.run.read_manifest()
        if not self.manifest.get("fit", {}).get("done"):
            remedy = "Name a run that `mixedsignals run` or `fit` finished."
            raise InputError(Problem("no-models", "has no trained models", remedy, file=str(run)))
        self.progress = progress
        self.options = RunOptions.from_dict(self.manifest["options"])
        self.labels = Labels(tuple(self.manifest["corpus"]["labels"]), self.manifest["corpus"]["kind"])
        self._models = load_heads(self.run.models)

    def predict(self, clips: Corpus | Path | str | Sequence[Path | str]) -> Prediction:
        """Predict a corpus, a corpus folder, or media files.

        A media file has no transcript, and its id is its name without the suffix; a file of the run's own corpus keeps
        its row there, words included. A modality that a clip lacks is masked and listed in `missing`.

        Raises:
            InputError: files or folders that cannot be read.
            CannotFinish: no clip has any modality that the run knows.
        """
        from mixedsignals.heads import predict_heads

        corpus = self._corpus(clips)
        encoded = encode(corpus, options=self.options, progress=self.progress)
        known = self.manifest["encoders"]
        embeddings = {name: result.embeddings for name, result in encoded.items() if name in known}
        if not embeddings:
            raise CannotFinish(
                f"none of these clips has {', '.join(known)}, which is what this run learned from"
            )
        splits = read_table(SPLITS, self.run.table("splits"))
        found = predict_heads(self._models, embeddings, splits=splits)
        missing = {
            clip: tuple(
                name for name in known if name not in embeddings or clip not in embeddings[name].clip_ids
            )
            for clip in corpus.clips["clip_id"]
        }
        return Prediction(
            found.predictions, found.gates, {clip: lacks for clip, lacks in missing.items() if lacks}
        )

    def _corpus(self, clips: Any) -> Corpus:
        from mixedsignals.corpus import Corpus

        if isinstance(clips, Corpus):
            return clips
        paths = [Path(item) for item in ([clips] if isinstance(clips, str | Path) else clips)]
        if len(paths) == 1 and paths[0].is_dir():
            return read(paths[0])
        problems = [
            Problem("missing-media", "is not there", "Check the path.", file=str(path))
            for path in paths
            if not path.is_file()
        ]
        if problems:
            raise InputError(problems)
        rows = self._rows([path.resolve() for path in paths])
        return Corpus(path=Path("/"), name="new clips", labels=self.labels, clips=rows, media_root=Path("/"))

    def _rows(self, paths: Sequence[Path]) -> pl.DataFrame:
        """A clips table of media files: the run's own rows where the file is one of its corpus."""
        root = Path(self.manifest["corpus"]["media_root"])
        own = read_table(CLIPS, self.run.table("clips")).select(list(CLIPS.schema))
        columns = ("media", "audio", "video")
        kept = []
        for path in paths:
            mine = [
                row
                for row in own.iter_rows(named=True)
                if any(row[c] and root / row[c] == path for c in columns)
            ]
            placed = [{**row, **{c: str(root / row[c]) for c in columns if row[c]}} for row in mine]
            kept += placed or [{"clip_id": path.stem, "media": str(path)}]
        return conform(CLIPS, pl.DataFrame(kept, schema=CLIPS.schema), source="new clips")


def predict(
    run: Path | str, clips: Corpus | Path | str | Sequence[Path | str], *, progress: Progress = SILENT
) -> Prediction:
    """Predict clips with a run; for many calls keep a `Predictor`."""
    return Predictor(run, progress=progress).predict(clips)
