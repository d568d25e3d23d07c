"""All models of a plan: tuned, chosen by the tuning split, and asked for embeddings that keep to their fold and seed.

First every candidate is tuned in every fold with every seed; then each fold picks, per modality, the candidate that is
best on its own tuning clips; then the inner folds of the chosen one are tuned. Only then clips are embedded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mixedsignals.embeddings import Embeddings
from mixedsignals.encoders.encoding import Encoded, encode_with
from mixedsignals.encoders.tuning.bench import Bench
from mixedsignals.encoders.tuning.pace import Pace, advice, measure
from mixedsignals.encoders.tuning.plan import ModelId, TuningPlan, candidates_of
from mixedsignals.encoders.tuning.saving import Tuned
from mixedsignals.encoders.tuning.training import check_tracker, processes
from mixedsignals.encoders.tuning.tuned_encoder import tuned_encoder
from mixedsignals.progress import SILENT, Progress
from mixedsignals.sources import Absent

__all__ = ["Chosen", "TunedModality", "tune_modalities"]


@dataclass(frozen=True)
class Chosen:
    """The model of a fold and a seed, and which candidates it was preferred to.

    Attributes:
        tuned: the model.
        inner: the models of its inner folds, by inner fold; empty where training clips are embedded in-sample.
        scores: accuracy on the tuning clips of the fold, mean over seeds, of every candidate.
    """

    tuned: Tuned
    inner: Mapping[int, Tuned]
    scores: Mapping[str, float]


@dataclass(frozen=True)
class TunedModality:
    """One modality, tuned.

    Attributes:
        chosen: by fold and seed.
        absent: clips without the modality, with reasons.
        in_sample: whether training clips are embedded by the model that was trained on them.
    """

    plan: TuningPlan
    modality: str
    chosen: Mapping[tuple[int, int], Chosen]
    benches: Mapping[str, Bench] = field(repr=False)
    in_sample: bool = False

    @property
    def absent(self) -> tuple[Absent, ...]:
        """Clips without the modality, as far as the table tells."""
        return tuple(next(iter(self.benches.values())).absent)

    def embeddings(self, fold: int, seed: int, *, progress: Progress = SILENT) -> Encoded:
        """Embeddings of all clips for one fold and seed; their card says which.

        Test and tuning clips are embedded by the model of the fold; training clips by the inner model that never saw
        them, or in-sample.
        """
        found = self.chosen[fold, seed]
        bench = self.benches[found.tuned.request["name"]]
        bench.open(SILENT)
        parts = [(found.tuned, ModelId(fold, seed))]
        parts += [(model, ModelId(fold, seed, inner)) for inner, model in found.inner.items()]
        encoded = [
            self._part(model, self.plan.parts(which, bench.having).embed, progress) for model, which in parts
        ]
        rows: dict[str, npt.NDArray[np.float32]] = {}
        for one in encoded:
            rows |= dict(zip(one.embeddings.clip_ids, one.embeddings.values, strict=True))
        clips = [clip for clip in self.plan.clips["clip_id"] if clip in rows]
        joined = Embeddings(tuple(clips), np.stack([rows[clip] for clip in clips]), found.tuned.card)
        there = set(clips)
        absent = [item for one in encoded for item in one.absent if item.clip_id not in there]
        return replace(
            encoded[0],
            embeddings=joined,
            absent=tuple({item.clip_id: item for item in (*absent, *self.absent)}.values()),
            cut=tuple(clip for one in encoded for clip in one.cut),
            encoded=sum(one.encoded for one in encoded),
            reused=sum(one.reused for one in encoded),
        )

    def _part(self, model: Tuned, clips: Sequence[str], progress: Progress) -> Encoded:
        plan = self.plan
        table = plan.clips.filter(plan.clips["clip_id"].is_in(list(clips)))
        return encode_with(
            tuned_encoder(model, plan.cache),
            table,
            plan.root,
            cache=plan.cache,
            device=plan.device,
            progress=progress,
        )

    def spoken(self, fold: int, seed: int) -> tuple[list[str], npt.NDArray[np.float64]]:
        """What the tuned classifier says of the test clips of its fold: ids, and probabilities (n, labels)."""
        return read_spoken(self.chosen[fold, seed].tuned.folder)


def read_spoken(folder: Path) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The out-of-fold probabilities beside a tuned model."""
    with np.load(folder / "out_of_fold.npz", allow_pickle=False) as file:
        logits = file["logits"].astype(np.float64)
        clips = [str(clip) for clip in file["clip_ids"]]
    raised = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    return clips, raised / raised.sum(axis=1, keepdims=True) if len(logits) else raised


def tune_modalities(
    plan: TuningPlan, encoders: Mapping[str, str], *, progress: Progress = SILENT
) -> dict[str, TunedModality]:
    """Tune the encoders of every modality named; what an earlier run finished is taken as it is.

    Under `torchrun` or `accelerate launch` every process calls this, and only the first speaks and writes.

    Raises:
        InputError: media or models that cannot be read, a damaged checkpoint.
        UsageError: an encoder or a tracker that cannot be used.
        CannotFinish: folds too small, too little memory, a loss that is not a number, weights that cannot be had.
    """
    if processes()[0] > 0:
        progress = SILENT
    check_tracker(plan.options.tracker)
    benches = {
        modality: [Bench(plan, modality, name) for name in candidates_of(modality, given)]
        for modality, given in encoders.items()
    }
    _estimate(plan, [bench for some in benches.values() for bench in some], progress)
    return {modality: _tuned(plan, modality, some, progress) for modality, some in benches.items()}


def _estimate(plan: TuningPlan, benches: Sequence[Bench], progress: Progress) -> None:
    paces: list[Pace] = []
    outer = plan.models(inner=False)
    parts = plan.inner["inner"].n_unique() if plan.inner.height else 0
    for bench in benches:
        left = [model for model in outer if bench.found(model) is None]
        if not left:
            continue
        bench.open(progress)
        pace = measure(bench, left, share_again=max(0, parts - 1))
        progress.say(str(pace) + (f" Inner folds add {len(left) * parts} smaller ones." if parts else ""))
        paces.append(pace)
    if said := advice(paces):
        progress.say(said)


def _tuned(plan: TuningPlan, modality: str, benches: Sequence[Bench], progress: Progress) -> TunedModality:
    outer = {bench.name: {m: bench.model(m, progress) for m in plan.models(inner=False)} for bench in benches}
    named = {bench.name: bench for bench in benches}
    chosen: dict[tuple[int, int], Chosen] = {}
    for fold in plan.folds:
        scores = {
            name: _mean_score([found[ModelId(fold, s)] for s in plan.seeds]) for name, found in outer.items()
        }
        best = min(scores, key=lambda name: (-scores[name][0], scores[name][1], list(scores).index(name)))
        for seed in plan.seeds:
            inner = {
                model.inner: named[best].model(model, progress)
                for model in plan.models(inner=True)
                if (model.fold, model.seed) == (fold, seed)
            }
            chosen[fold, seed] = Chosen(
                outer[best][ModelId(fold, seed)], inner, {name: score[0] for name, score in scores.items()}
            )
    return TunedModality(plan, modality, chosen, named, in_sample=plan.inner.is_empty())


def _mean_score(models: Sequence[Tuned]) -> tuple[float, float]:
    accuracy, loss = zip(*(model.score for model in models), strict=True)
    return float(np.mean(accuracy)), float(np.mean(loss))
