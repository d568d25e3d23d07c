"""The verb `predict`: what a trained run says of new clips, and of its own only by heads that never saw them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.believing import Trust
from mixedsignals.api.calibrators import calibrated_column, load_calibrators
from mixedsignals.api.corpora import read
from mixedsignals.api.diagnosing import case_of_run
from mixedsignals.api.encoding import encode_modality
from mixedsignals.api.newclips import corpus_of, files_of, is_corpus, media_of, with_splices
from mixedsignals.api.second import load_second, with_second
from mixedsignals.api.tuned_models import TunedHeads
from mixedsignals.errors import CannotFinish, InputError, Problem, UsageError
from mixedsignals.labels import Labels
from mixedsignals.manifest import RunOptions
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder
from mixedsignals.tables import CLIPS, SPLITS, read_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.embeddings import Card, Embeddings
    from mixedsignals.measures.selective import RiskRule

__all__ = ["Prediction", "Predictor", "predict"]


@dataclass(frozen=True)
class Prediction:
    """What a run says of clips.

    Attributes:
        predictions: clip_id, source, given, label, probability, calibrated, n_heads; the mean over the heads that may
            speak, raw and calibrated. A clip of the run itself is calibrated out of fold, as the run's scores are.
            `calibrated` is null where the run was not diagnosed. Clips are in the order in which they were given.
        gates: clip_id, source, given, modality, gate, weight.
        missing: modalities of the run that a clip lacks, per clip that lacks any. A clip that lacks all of them has no
            predictions.
        judgements: one row per clip that has predictions, see `mixedsignals.api.believing.JUDGEMENTS`: the label of
            the model trained on just what the clip has, its confidence, how far the single modalities lie apart and
            where that stands among the run's clips, and whether to believe it or ask a person.
        rules: when each of the models behind `judgements` is believed, by (source, given).
        transcribed: the words that were heard, per clip, where that was asked for.
    """

    predictions: pl.DataFrame
    gates: pl.DataFrame
    missing: dict[str, tuple[str, ...]]
    judgements: pl.DataFrame
    rules: Mapping[tuple[str, str], RiskRule]
    transcribed: Mapping[str, str]


class Predictor:
    """A trained run, loaded once, ready for any number of clips.

    Args:
        run: the folder of a run with models.
        risk: highest share of wrong predictions that is wanted among those to believe, between 0 and 1.
        transcribe: write down what is said in clips that have sound and no transcript, by Whisper tiny.en (English
            only; needs the offline weights), where the run learned from words.
        progress: where encoding reports.

    Raises:
        InputError: the folder is no run with models.
        UsageError: a risk outside (0, 1), or `transcribe` for a run without text.
    """

    def __init__(
        self,
        run: Path | str,
        *,
        risk: float = 0.1,
        transcribe: bool = False,
        progress: Progress = SILENT,
    ) -> None:
        if not 0 < risk < 1:
            raise UsageError(f"risk is a share of errors between 0 and 1, such as 0.1, not {risk:g}")
        self.run = RunFolder(Path(run))
        self.manifest = self.run.read_manifest()
        if not self.manifest.get("fit", {}).get("done"):
            remedy = "Name a run that `mixedsignals run` or `fit` finished."
            raise InputError(Problem("no-models", "has no trained models", remedy, file=str(run)))
        from mixedsignals.heads import load_heads

        self.progress = progress
        self.options = RunOptions.from_dict(self.manifest["options"])
        self.labels = Labels(tuple(self.manifest["corpus"]["labels"]), self.manifest["corpus"]["kind"])
        tuned = self.manifest.get("tuning", {}).get("models")
        self._tuned = TunedHeads(self.run, tuple(tuned)) if tuned else None
        self._heads = None if self._tuned else load_heads(self.run.models)
        self._second = load_second(self.run)
        self._calibrators = load_calibrators(self.labels, self.run.models)
        self._trust = Trust(case_of_run(self.run), calibrated=bool(self._calibrators), risk=risk)
        if transcribe and "text" not in self._cards:
            raise UsageError("this run learned from no words, so there is nothing to transcribe for")
        if transcribe and self._is_ready_made("text"):
            raise UsageError("this run learned from ready-made features of text, which words cannot replace")
        self._transcribes = transcribe

    @property
    def _cards(self) -> Mapping[str, Card]:
        """Of the embeddings that the heads were trained on."""
        if self._tuned is not None:
            return self._tuned.cards
        assert self._heads is not None
        return self._heads.cards

    def predict(self, clips: Corpus | Path | str | Sequence[Path | str]) -> Prediction:
        """Predict a corpus, a corpus folder, media files, or a folder of media files.

        A modality that a clip lacks is masked and listed in `missing`. What the run learned from ready-made features
        comes from those of the given corpus, or, for files of the run's own corpus, from that one's. A film spliced
        from clips of the run (`voice_from`, `face_from`) is predicted by heads that never saw any of them.

        Raises:
            InputError: files or folders that cannot be read.
            CannotFinish: no clip has any modality that the run knows.
        """
        from mixedsignals.heads import predict_heads

        corpus, own = self._corpus(clips)
        corpus, heard = self._heard(corpus)
        embeddings = self._embeddings(corpus, own)
        known = list(self._cards)
        if not embeddings and not (self._tuned and self._tuned.tuned & set(corpus.modalities)):
            learned = [f"{m} (ready-made features)" if self._is_ready_made(m) else m for m in known]
            raise CannotFinish(f"none of these clips has what this run learned from: {', '.join(learned)}.")
        splits = read_table(SPLITS, self.run.table("splits"))
        known_clips = set(splits["clip_id"]) if own is None else own
        if own is not None:
            splits = splits.filter(pl.col("clip_id").is_in(list(own)))
        splits = with_splices(splits, corpus.clips)
        having = {modality: frozenset(item.clip_ids) for modality, item in embeddings.items()}
        if self._tuned is not None:
            device = self.options.device
            found, more = self._tuned.predict(
                corpus, embeddings, splits=splits, device=device, progress=self.progress
            )
            having |= more
        else:
            assert self._heads is not None
            found = predict_heads(self._heads, embeddings, splits=splits)
            found = with_second(found, self._second, embeddings, splits=splits)
        order = corpus.clips["clip_id"].to_list()
        missing = {
            clip: tuple(m for m in known if m not in having or clip not in having[m]) for clip in order
        }
        predictions = _in_order(
            calibrated_column(found.predictions, self._calibrators, self.labels, own=known_clips), order
        )
        predictions = self._with_own(predictions, known_clips)
        judgements = self._trust.judge(predictions, known, missing)
        judged = judgements.select("source", "given").unique(maintain_order=True).iter_rows()
        rules = {model: self._trust.rule(model) for model in judged}
        return Prediction(
            predictions,
            _in_order(found.gates, order),
            {clip: lacks for clip, lacks in missing.items() if lacks},
            judgements,
            {model: rule for model, rule in rules.items() if rule is not None},
            heard,
        )

    def _with_own(self, predictions: pl.DataFrame, own: Collection[str]) -> pl.DataFrame:
        """The run's own clips with their calibrated probabilities, which were made out of fold."""
        if not set(own) & set(predictions["clip_id"]):
            return predictions
        columns, keys = predictions.columns, ("clip_id", "source", "given", "label")
        models = list(predictions.select("source", "given").unique(maintain_order=True).iter_rows())
        made = self._trust.calibrated(models).rename({"calibrated": "_own"})
        joined = predictions.join(made, on=keys, how="left", maintain_order="left")
        return joined.with_columns(pl.coalesce("calibrated", "_own").alias("calibrated")).select(columns)

    def _heard(self, corpus: Corpus) -> tuple[Corpus, dict[str, str]]:
        """The corpus with the words that were heard in clips without transcript, and those words."""
        if not self._transcribes:
            return corpus, {}
        from mixedsignals.encoders import transcribe

        wordless = corpus.clips.filter(pl.col("transcript").fill_null("").str.strip_chars() == "")
        heard = transcribe(wordless, corpus.media_root, device=self.options.device, progress=self.progress)
        spoken = pl.col("clip_id").replace_strict(heard, default=None, return_dtype=pl.String)
        clips = corpus.clips.with_columns(pl.coalesce(spoken, "transcript").alias("transcript"))
        return replace(corpus, clips=clips), heard

    def _corpus(self, clips: Any) -> tuple[Corpus, frozenset[str] | None]:
        """The clips, and which of them are the run's own; None where their ids tell."""
        from mixedsignals.corpus import Corpus

        if isinstance(clips, Corpus):
            return clips, None
        paths = [Path(item) for item in ([clips] if isinstance(clips, str | Path) else clips)]
        if len(paths) == 1 and paths[0].is_dir():
            if is_corpus(paths[0]):
                return corpus_of(paths[0], progress=self.progress), None
            paths = media_of(paths[0])
        table = read_table(CLIPS, self.run.table("clips"))
        root = Path(self.manifest["corpus"]["media_root"])
        made, own = files_of(paths, own=table, root=root, labels=self.labels)
        return replace(made, features=self._own_features() if own else {}), own

    def _own_features(self) -> Mapping[str, Path]:
        """Feature files of the run's own corpus, where it is still there."""
        if not any(map(self._is_ready_made, self._cards)):
            return {}
        try:
            return read(self.manifest["corpus"]["path"]).features
        except InputError:
            return {}

    def _is_ready_made(self, modality: str) -> bool:
        recorded = self.manifest["encoders"][modality]
        return bool(recorded.get("ready_made", recorded["encoder"].startswith("features:")))

    def _embeddings(self, corpus: Corpus, own: frozenset[str] | None) -> dict[str, Embeddings]:
        """Per modality of the run, made as there; `own` are the clips that features of the corpus may stand for."""
        found: dict[str, Embeddings] = {}
        for modality, card in self._cards.items():
            if self._is_ready_made(modality):
                made = self._ready_made(corpus, modality, card, own)
            elif self._tuned is not None and modality in self._tuned.tuned:
                continue  # every fold and seed has an encoder of its own
            elif modality in _without_features(corpus).modalities:
                made = encode_modality(
                    corpus, modality, options=self.options, features=False, progress=self.progress
                ).embeddings
            else:
                made = None
            if made is not None:
                found[modality] = made
        return found

    def _ready_made(
        self, corpus: Corpus, modality: str, card: Card, own: frozenset[str] | None
    ) -> Embeddings | None:
        from mixedsignals.encoders import read_features

        wanted = [clip for clip in corpus.clips["clip_id"] if own is None or clip in own]
        if wanted and modality in corpus.features:
            given = read_features(corpus.features[modality], modality)
            there = set(given.clip_ids)
            if kept := [clip for clip in wanted if clip in there]:
                found = given.select(kept)
                # Whoever made a bare file of features vouches for it: its card tells no more than the file's digest.
                return replace(found, card=card) if found.card.encoder.startswith("features:") else found
        self.progress.say(f"{modality}: this run learned from ready-made features, and these clips have none")
        return None


def _without_features(corpus: Corpus) -> Corpus:
    return replace(corpus, features={})


def _in_order(frame: pl.DataFrame, clips: Sequence[str]) -> pl.DataFrame:
    place = pl.col("clip_id").replace_strict({clip: n for n, clip in enumerate(clips)}, return_dtype=pl.Int64)
    return frame.sort(place, maintain_order=True) if frame.height else frame


def predict(
    run: Path | str,
    clips: Corpus | Path | str | Sequence[Path | str],
    *,
    risk: float = 0.1,
    transcribe: bool = False,
    progress: Progress = SILENT,
) -> Prediction:
    """Predict clips with a run; for many calls keep a `Predictor`, whose options these are."""
    return Predictor(run, risk=risk, transcribe=transcribe, progress=progress).predict(clips)
