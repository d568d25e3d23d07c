"""The verb `fit` where encoders learn too: they are tuned per fold and seed, and heads are trained within each.

Embeddings of one fold and seed are never mixed with those of another: every pair has heads of its own, and the tables
of all are put together at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.encoding import encode_modality, is_ready_made
from mixedsignals.api.fitting import (
    Plan,
    embedding_digest,
    encoder_record,
    finish,
    folds_of,
    head_options,
    say_absent,
    write_tables,
)
from mixedsignals.api.second import Second, Tried, candidates, choose_second, save_second
from mixedsignals.errors import CannotFinish
from mixedsignals.labels import combination
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, cache_dir
from mixedsignals.tables import DYNAMICS, GATES, PREDICTIONS, Table

if TYPE_CHECKING:
    from mixedsignals.encoders import Encoded
    from mixedsignals.encoders.tuning import TunedModality, TuningPlan
    from mixedsignals.heads import HeadResults

__all__ = ["fit_tuned", "heads_folder", "tuning_plan"]

_IN_SAMPLE = (
    "Training clips are embedded by the very model that was trained on them (in-sample): fusion learns from embeddings "
    "that look surer than those it meets in testing. --tune-inner-folds 2 avoids it."
)
_OUT_OF_SAMPLE = (
    "Training clips are embedded by models that never saw them ({n} inner folds), so fusion learns from embeddings "
    "like those it meets in testing."
)


def fit_tuned(plan: Plan, manifest: dict[str, Any], progress: Progress) -> RunFolder:
    """Tune, embed, and train heads within each fold and seed; what is done already is not done again.

    Where several processes work together (`torchrun`), the others end here once the models are trained.

    Raises:
        UsageError: nothing is left to tune, or an encoder that cannot be tuned.
        CannotFinish: folds too small, too little memory, weights that cannot be had.
        InputError: media or models that cannot be read, a damaged checkpoint.
    """
    tuned_ones = _to_tune(plan)
    frozen = {
        modality: encode_modality(plan.corpus, modality, options=plan.options, progress=progress)
        for modality in plan.corpus.modalities
        if modality not in tuned_ones
    }
    splits = folds_of(plan, _usable(plan, tuned_ones, frozen), progress)
    tuning = tuning_plan(plan, splits)
    tuned = _tune(tuning, tuned_ones, progress)
    parts: list[HeadResults] = []
    tried: list[Tried] = []
    digests: dict[str, str] = {}
    records: dict[str, dict[str, Any]] = {}
    with progress.task(
        "Folds and seeds of tuned encoders", total=len(tuning.folds) * len(tuning.seeds)
    ) as task:
        for fold in tuning.folds:
            for seed in tuning.seeds:
                encoded = frozen | {m: one.embeddings(fold, seed) for m, one in tuned.items()}
                if not parts:
                    say_absent(encoded, plan.corpus.clips.height, progress)
                made, others = _heads(plan, encoded, splits, (fold, seed), manifest["run_id"])
                parts.append(made)
                tried.append(others)
                for modality, item in encoded.items():
                    where = "" if modality in frozen else f"/fold{fold}.seed{seed}"
                    digests[modality + where] = embedding_digest(item.embeddings)
                    records.setdefault(
                        modality,
                        encoder_record(
                            item.embeddings, ready_made=is_ready_made(plan.corpus, plan.options, modality)
                        ),
                    )
                task.advance()
    second = choose_second(plan, tried, combination([*frozen, *tuned]), splits, progress=progress)
    if second is not None:
        save_second(second, plan.run)
        manifest["second"] = second.record()
    write_tables(plan, splits, _joined(parts, second))
    manifest["inputs"]["embeddings"] = digests
    manifest["encoders"] = {
        modality: {**record, **({} if modality in frozen else _tuned_record(tuned[modality]))}
        for modality, record in records.items()
    }
    manifest["tuning"] = record_of(tuning, tuned)
    for leftover in (plan.run.models / "partial", tuning.work):
        shutil.rmtree(leftover, ignore_errors=True)
    finish(plan, splits, sum(len(part.models.heads) for part in parts), manifest)
    return plan.run


def _joined(parts: Sequence[HeadResults], second: Second | None) -> dict[Table, pl.DataFrame]:
    """The tables of all folds and seeds."""
    predictions, gates = [part.predictions for part in parts], [part.gates for part in parts]
    if second is not None:
        predictions, gates = [*predictions, second.predictions], [*gates, second.gates]
    return {
        PREDICTIONS: pl.concat(predictions),
        GATES: pl.concat(gates),
        DYNAMICS: pl.concat([part.dynamics for part in parts]),
    }


def heads_folder(run: RunFolder, fold: int, seed: int) -> Path:
    """Where the heads of one fold and seed lie."""
    return run.models / f"fold{fold}.seed{seed}"


def tuning_plan(plan: Plan, splits: pl.DataFrame) -> TuningPlan:
    """What the encoders are told, with the inner folds of every training part."""
    from mixedsignals.encoders.tuning import TuningPlan

    options, corpus = plan.options, plan.corpus
    return TuningPlan(
        clips=corpus.clips,
        root=Path(corpus.media_root),
        targets=plan.targets.table,
        splits=splits,
        inner=_inner_folds(plan, splits),
        labels=corpus.labels,
        groups={clip: group for clip, group in corpus.groups.items() if group is not None},
        seeds=tuple(options.seeds),
        tune=options.tune,
        options=options.tuning,
        pooling=options.pooling,
        device=options.device,
        folder=plan.run.models / "tuned",
        work=plan.run.models / "partial-clips",
        cache=cache_dir(),
        corpus={"name": corpus.name, "licence": corpus.licence},
    )


def _to_tune(plan: Plan) -> dict[str, str]:
    """Encoder by modality, of those that can learn: all that are not ready-made features."""
    from mixedsignals.errors import UsageError

    found = {
        modality: plan.options.encoders.get(modality, "lite")
        for modality in plan.corpus.modalities
        if not is_ready_made(plan.corpus, plan.options, modality)
    }
    if not found:
        raise UsageError(
            f"--tune {plan.options.tune}: all modalities of this corpus are ready-made features, which cannot be "
            "tuned; name encoders with --encoders, or leave --tune out"
        )
    return found


def _usable(plan: Plan, tuned: Mapping[str, str], frozen: Mapping[str, Encoded]) -> set[str]:
    """Clips that have, as far as their row tells, any modality."""
    usable = {clip for result in frozen.values() for clip in result.embeddings.clip_ids}
    columns = {"text": ("transcript",), "audio": ("audio", "media"), "video": ("video", "media")}
    for modality in tuned:
        for column in columns.get(modality, ()):
            usable |= set(plan.corpus.clips.filter(pl.col(column).is_not_null())["clip_id"])
    return usable


def _inner_folds(plan: Plan, splits: pl.DataFrame) -> pl.DataFrame:
    """fold, inner, clip_id: speaker-disjoint parts of every training part."""
    from mixedsignals.corpus import make_splits

    schema = {"fold": pl.Int64, "inner": pl.Int64, "clip_id": pl.String}
    n, labels = plan.options.tuning.inner_folds, plan.targets.labels_by_clip
    parts = [pl.DataFrame(schema=schema)]
    for fold in splits["fold"].unique().sort() if n else ():
        clips = splits.filter(fold=fold, role="train")["clip_id"].to_list()
        clips = [clip for clip in clips if clip in labels]
        try:
            made = make_splits(clips, labels, plan.corpus.groups, folds=n, seed=plan.options.split_seed)
        except CannotFinish as error:
            raise CannotFinish(
                f"the training part of fold {fold} cannot be parted into {n} inner folds: {error} Or embed training "
                "clips in-sample: --tune-inner-folds 0."
            ) from error
        parts.append(
            made.filter(role="test").select(
                pl.lit(fold, dtype=pl.Int64).alias("fold"), pl.col("fold").alias("inner"), "clip_id"
            )
        )
    return pl.concat(parts)


def _tune(tuning: TuningPlan, encoders: Mapping[str, str], progress: Progress) -> dict[str, TunedModality]:
    """Tune all modalities; a process that only helps to train has nothing more to do then."""
    from mixedsignals.encoders.tuning import tune_modalities
    from mixedsignals.encoders.tuning.training import processes

    tuned = tune_modalities(tuning, encoders, progress=progress)
    if processes()[0] > 0:
        raise SystemExit(0)
    return tuned


def _heads(
    plan: Plan, encoded: Mapping[str, Encoded], splits: pl.DataFrame, where: tuple[int, int], run_id: str
) -> tuple[HeadResults, Tried]:
    """Heads of one fold and seed, saved beside those of the others; and who may be second there."""
    from mixedsignals.heads import fit_heads, save_heads

    fold, seed = where
    embeddings = {modality: item.embeddings for modality, item in encoded.items()}
    folder, mine = heads_folder(plan.run, fold, seed), splits.filter(fold=fold)
    partial = plan.run.models / "partial" / folder.name
    results = fit_heads(
        embeddings,
        plan.targets.table,
        mine,
        plan.corpus.labels,
        run_id=run_id,
        seeds=(seed,),
        options=head_options(plan.options),
        groups=plan.corpus.groups,
        source="fusion",
        checkpoint=partial,
        progress=SILENT,
    )
    save_heads(results.models, folder)
    others = candidates(
        plan, embeddings, mine, results, seeds=(seed,), run_id=run_id, checkpoint=partial / "second"
    )
    return results, Tried(others, within=folder.name)


def _tuned_record(tuned: TunedModality) -> dict[str, Any]:
    """Of a tuned encoder the card is another in every fold and seed; the manifest names the first and says so."""
    chosen = {one.tuned.card.encoder for one in tuned.chosen.values()}
    return {"tuned": True, "chosen": sorted(chosen)}


def record_of(tuning: TuningPlan, tuned: Mapping[str, TunedModality]) -> dict[str, Any]:
    """What `run.toml` says of the tuning."""
    in_sample = tuning.inner.is_empty()
    return {
        "tune": tuning.tune,
        "training_clips_embedded": "in-sample" if in_sample else "out of inner folds",
        "says": _IN_SAMPLE if in_sample else _OUT_OF_SAMPLE.format(n=tuning.inner["inner"].n_unique()),
        "models": [
            {
                "modality": modality,
                "fold": fold,
                "seed": seed,
                "encoder": one.tuned.card.encoder,
                "folder": one.tuned.folder.relative_to(tuning.folder.parents[1]).as_posix(),
                "best_epoch": one.tuned.best + 1,
                "epochs": len(one.tuned.history),
                "tune_accuracy": one.tuned.score[0],
                "tune_accuracy_of_candidates": dict(one.scores),
            }
            for modality, found in tuned.items()
            for (fold, seed), one in sorted(found.chosen.items())
        ],
    }
