"""The verb `fit`: targets, folds, embeddings and heads of a corpus, written into a run folder.

What is done already is not done again: embeddings come from the cache, finished groups of heads from the run folder,
and the tables of a finished fit are left as they are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.encoding import encode, is_ready_made
from mixedsignals.api.second import check_second, fit_second, save_second
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.manifest import RunOptions, differences, environment
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, digest_bytes, digest_frame
from mixedsignals.tables import (
    CLIPS,
    DYNAMICS,
    GATES,
    PREDICTIONS,
    SPLITS,
    TARGETS,
    VOTES,
    Table,
    write_table,
)
from mixedsignals.tuning_options import ONLY_HOW

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus, Targets
    from mixedsignals.embeddings import Embeddings
    from mixedsignals.encoders import Encoded
    from mixedsignals.heads import HeadOptions

__all__ = [
    "Plan",
    "begin",
    "embedding_digest",
    "encoder_record",
    "finish",
    "fit",
    "folds_of",
    "head_options",
    "say_absent",
    "write_tables",
]


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before heads are trained."""

    corpus: Corpus
    options: RunOptions
    targets: Targets
    run: RunFolder


def fit(
    corpus: Corpus, out: Path | str, *, options: RunOptions | None = None, progress: Progress = SILENT
) -> RunFolder:
    """Train text, audio, video and fused heads out of fold, and write tables and models into the folder `out`.

    Raises:
        InputError: the folder is a run of other options or inputs, or the corpus has faults.
        CannotFinish: too few clips, labels or speakers for the folds; weights, memory or disk that cannot be had.
    """
    options = options or RunOptions()
    run = RunFolder(Path(out))
    plan, manifest, before = begin(corpus, options, run)
    targets = plan.targets
    done = before.get("fit", {}).get("done")
    if (done or options.tune == "frozen") and int(os.environ.get("RANK", "0")) > 0:
        raise SystemExit(0)  # under `torchrun` the other processes help to tune, and with nothing else
    if done:
        progress.say(f"{run.path}: heads are trained; nothing to do before the diagnosis")
        return run
    progress.say(targets.sentence)
    run.write_manifest(manifest)
    run.log("started", version=manifest["environment"]["versions"].get("mixedsignals"))
    if options.tune != "frozen":
        from mixedsignals.api.tuning import fit_tuned

        return fit_tuned(plan, manifest, progress)
    encoded = encode(corpus, options=options, progress=progress)
    if not encoded:
        raise CannotFinish(
            f"{corpus.name}: no clip has words, sound, picture or ready-made features to learn from."
        )
    say_absent(encoded, len(corpus.clips), progress)
    if len(encoded) == 1:
        progress.say(
            f"The only modality is {next(iter(encoded))}: there is nothing to fuse, or to part from."
        )
    _train(plan, encoded, manifest, progress)
    return run


def begin(
    corpus: Corpus, options: RunOptions, run: RunFolder, *, compares: bool = False
) -> tuple[Plan, dict[str, Any], dict[str, Any]]:
    """What is decided first, what the folder will say of itself, and what it says already.

    Raises:
        InputError: the folder holds something else.
        CannotFinish: there are no two labels to learn.
    """
    from mixedsignals.corpus import make_targets

    check_second(options)
    tie_rule = options.tie_rule or corpus.tie_rule
    targets = make_targets(corpus.clips, corpus.votes, corpus.targets, corpus.labels, tie_rule=tie_rule)
    manifest = _manifest(corpus, options, targets, run)
    before = _refuse_another(run, manifest)
    if before and compares != ("compare" in before):
        what = "is a comparison of fusions" if "compare" in before else "is a run"
        raise InputError(Problem("another-run", what, "Name another folder with --out.", file=str(run.path)))
    _refuse_untaught(corpus, targets)
    return Plan(corpus, options, targets, run), manifest, before


def _manifest(corpus: Corpus, options: RunOptions, targets: Targets, run: RunFolder) -> dict[str, Any]:
    tables = {
        "clips": corpus.clips,
        "votes": corpus.votes,
        "targets": corpus.targets,
        "splits": corpus.splits,
    }
    inputs = {name: digest_frame(table) for name, table in tables.items() if table is not None}
    return {
        "run_id": run.path.resolve().name,
        "corpus": {
            "name": corpus.name,
            "path": str(Path(corpus.path).resolve()),
            "licence": corpus.licence,
            "labels": list(corpus.labels.names),
            "kind": corpus.labels.kind,
            "media_root": str(Path(corpus.media_root).resolve()),
        },
        "options": options.to_dict(),
        "inputs": inputs,
        "targets": {
            "source": targets.source,
            "tie_rule": targets.tie_rule,
            "given": targets.given,
            "clips": targets.table["clip_id"].n_unique(),
            "excluded": list(targets.excluded),
            "missing": len(targets.missing),
        },
        "environment": environment(threads=options.threads),
    }


def _refuse_another(run: RunFolder, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest that is there, if it is of the same options and inputs; an empty one where nothing would be lost."""
    if not run.exists():
        what = "is a file" if run.path.is_file() else "is not empty, and no run"
        if run.path.is_file() or (run.path.is_dir() and any(run.path.iterdir())):
            remedy = "Name a new or empty folder with --out."
            raise InputError(Problem("foreign-folder", what, remedy, file=str(run.path)))
        return {}
    before = run.read_manifest()
    changed = []
    for part in ("options", "inputs"):
        now = {key: value for key, value in _deciding(manifest[part]).items() if value is not None}
        was = {key: value for key, value in _deciding(before.get(part, {})).items() if key != "embeddings"}
        if part == "options":  # one that an earlier version did not know was at its default
            was = {**RunOptions().to_dict(), **was}
        changed += differences(was, now, prefix=f"{part}.")
    if not changed:
        return before
    if not any(folder.is_dir() and any(folder.iterdir()) for folder in (run.tables, run.models)):
        return {}  # it stopped before there was anything to keep
    raise InputError(
        Problem(
            code="another-run",
            message=f"is a run of other options or inputs ({'; '.join(changed)})",
            remedy="Name another folder with --out, or remove this one.",
            file=str(run.path),
        )
    )


def _deciding(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options or inputs, without what changes no result."""
    if "tuning" not in values:
        return dict(values)
    tuning = {name: value for name, value in values["tuning"].items() if name not in ONLY_HOW}
    return {**values, "tuning": tuning}


def _refuse_untaught(corpus: Corpus, targets: Targets) -> None:
    """Stop before anything is encoded where no labels could be learned."""
    labels = sorted(set(targets.labels_by_clip.values()))
    if len(labels) > 1:
        return
    if labels:
        came = f"all {len(targets.labels_by_clip)} clips with a target have {labels[0]!r}"
    elif targets.excluded:
        came = f"on all {len(targets.excluded)} clips with votes or shares the labels tie"
    else:
        came = "no clip has a label, vote or target"
    raise CannotFinish(
        f"{corpus.name}: {came}, and models need clips of two labels to learn from. Label more clips"
        f"{', or choose another --tie-rule' if targets.excluded else ''}."
    )


def say_absent(encoded: Mapping[str, Encoded], n_clips: int, progress: Progress) -> None:
    for modality, result in encoded.items():
        if not result.absent:
            continue
        reasons = sorted({item.reason for item in result.absent})
        named = ", ".join(item.clip_id for item in result.absent[:5])
        more = "" if len(result.absent) <= 5 else ", …"
        progress.say(
            f"{modality}: {len(result.absent)} of {n_clips} clips have none ({'; '.join(reasons)}): {named}{more}"
        )


def folds_of(plan: Plan, usable: Collection[str], progress: Progress) -> pl.DataFrame:
    """The corpus's own folds, completed; else new ones of the clips that have a target and are usable."""
    from mixedsignals.corpus import complete_splits, make_splits

    corpus, options = plan.corpus, plan.options
    labels = plan.targets.labels_by_clip
    if corpus.splits is not None:
        made = complete_splits(
            corpus.splits, labels, corpus.groups, tune_share=options.tune_share, seed=options.split_seed
        )
        progress.say(_given_folds(made, len(labels)))
        return made
    clips = [clip for clip in labels if clip in usable]
    return make_splits(
        clips,
        labels,
        corpus.groups,
        folds=options.folds,
        tune_share=options.tune_share,
        seed=options.split_seed,
    )


def _given_folds(splits: pl.DataFrame, n_labelled: int) -> str:
    folds, tested = splits["fold"].n_unique(), splits.filter(role="test")["clip_id"].n_unique()
    many = "s" if folds > 1 else ""
    rest = (
        f"; the other {n_labelled - tested} with a target get no predictions" if tested < n_labelled else ""
    )
    return f"Folds are the corpus's own: {folds} fold{many}, {tested} clips tested{rest}."


def embedding_digest(embeddings: Embeddings) -> str:
    """SHA-256 of ids, values and card."""
    content = "\0".join(embeddings.clip_ids).encode() + embeddings.values.tobytes()
    return digest_bytes(content + embeddings.card.digest().encode())


def head_options(options: RunOptions) -> HeadOptions:
    """What of a run's options the heads are told."""
    from mixedsignals.heads import HeadOptions

    return HeadOptions(
        fusion=options.fusion,
        epochs=options.epochs,
        class_weights=options.class_weights,
        missing=options.missing,  # type: ignore[arg-type]  # legal values are the options' own
        modulation=options.modulation,
        threads=options.threads,
        dynamics=True,
    )


def _train(plan: Plan, encoded: Mapping[str, Encoded], manifest: dict[str, Any], progress: Progress) -> None:
    from mixedsignals.heads import fit_heads, save_heads

    embeddings = {modality: result.embeddings for modality, result in encoded.items()}
    usable = {clip for item in embeddings.values() for clip in item.clip_ids}
    splits = folds_of(plan, usable, progress)
    options, run = plan.options, plan.run
    partial = run.models / "partial"
    results = fit_heads(
        embeddings,
        plan.targets.table,
        splits,
        plan.corpus.labels,
        run_id=manifest["run_id"],
        seeds=options.seeds,
        options=head_options(options),
        groups=plan.corpus.groups,
        source="fusion",
        checkpoint=partial,
        progress=progress,
    )
    second = fit_second(
        plan,
        embeddings,
        splits,
        results,
        run_id=manifest["run_id"],
        checkpoint=partial / "second",
        progress=progress,
    )
    save_heads(results.models, run.models)
    predictions, gates = results.predictions, results.gates
    if second is not None:
        save_second(second, run)
        manifest["second"] = second.record()
        predictions, gates = pl.concat([predictions, second.predictions]), pl.concat([gates, second.gates])
    write_tables(plan, splits, {PREDICTIONS: predictions, GATES: gates, DYNAMICS: results.dynamics})
    manifest["inputs"]["embeddings"] = {
        modality: embedding_digest(item) for modality, item in embeddings.items()
    }
    manifest["encoders"] = {
        modality: encoder_record(item, ready_made=is_ready_made(plan.corpus, options, modality))
        for modality, item in embeddings.items()
    }
    # What a stopped run would have gone on from is in the saved heads now.
    shutil.rmtree(partial, ignore_errors=True)
    finish(plan, splits, len(results.models.heads), manifest)


def encoder_record(embeddings: Embeddings, *, ready_made: bool) -> dict[str, Any]:
    """What `run.toml` says of the encoder of a modality."""
    return {
        **embeddings.card.to_dict(),
        "clips": len(embeddings),
        "width": embeddings.width,
        "ready_made": ready_made,
    }


def write_tables(plan: Plan, splits: pl.DataFrame, results: Mapping[Table, pl.DataFrame]) -> None:
    """What went in and what came out."""
    tables: list[tuple[Table, pl.DataFrame | None]] = [
        (CLIPS, plan.corpus.clips),
        (VOTES, plan.corpus.votes),
        (TARGETS, plan.targets.table),
        (SPLITS, splits),
        *results.items(),
    ]
    for table, frame in tables:
        if frame is not None:
            write_table(table, frame, plan.run.table(table.name))


def finish(plan: Plan, splits: pl.DataFrame, n_heads: int, manifest: dict[str, Any]) -> None:
    """Record that heads are trained."""
    manifest["fit"] = {"done": True, "heads": n_heads, "folds": splits["fold"].n_unique()}
    plan.run.write_manifest(manifest)
    plan.run.log("fitted", heads=n_heads)
