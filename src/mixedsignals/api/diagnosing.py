"""The verb `diagnose`: of a run of ours, of a corpus with votes, or of the predictions of anybody's models.

All three end in the same tables; without an output folder nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.calibrators import save_calibrators
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Kind, Labels, combination
from mixedsignals.manifest import environment
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, atomic, digest_frame
from mixedsignals.tables import (
    CLIPS,
    CUES,
    ESTIMATES,
    FINDINGS,
    GATES,
    PREDICTIONS,
    SCORES,
    SPLITS,
    TABLES,
    TARGETS,
    VOTES,
    conform,
    frame_of,
    read_frame,
    read_table,
    write_table,
)

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.diagnosis import Case, Diagnosis, DiagnosisOptions, Evidence
    from mixedsignals.measures.raters import RaterModel

__all__ = ["diagnose", "diagnose_corpus", "diagnose_run", "read_answer"]


def diagnose_run(
    run: Path | str,
    *,
    raters: RaterModel | None = None,
    options: DiagnosisOptions | None = None,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Diagnose a run folder, and write its scores, estimates, findings and answer there,
    and beside its models, where it has any, the calibrators for new clips.

    Args:
        run: the folder.
        raters: the model of raters: `dawid-skene`, `mace` or `glad`; None takes what the run was diagnosed with.
        options: instead of what the run says; `raters` is then one of them.
        progress: told of every check.

    Raises:
        InputError: it is no run, or its tables have faults.
    """
    folder = RunFolder(Path(run))
    manifest = folder.read_manifest()
    _refuse_unfinished(folder, manifest)
    evidence = _evidence(folder, manifest)
    if raters is not None:
        manifest = {**manifest, "diagnosis": {**manifest.get("diagnosis", {}), "raters": raters}}
    made = _made(evidence, folder, manifest, options or _options(manifest), progress)
    if folder.models.is_dir():
        save_calibrators(made.calibrators, evidence.labels, folder.models)
    return made


def _evidence(folder: RunFolder, manifest: Mapping[str, Any]) -> Evidence:
    from mixedsignals.diagnosis import Evidence

    tables = _tables(folder)
    return Evidence(
        labels=_labels(manifest),
        run_id=str(manifest["run_id"]),
        target_source=manifest.get("targets", {}).get("source"),
        **{
            name: tables.get(name)
            for name in (
                "predictions",
                "votes",
                "clips",
                "targets",
                "splits",
                "gates",
                "cues",
                "dynamics",
                "probes",
            )
        },
    )


def case_of_run(folder: RunFolder) -> Case:
    """A run's tables aligned as its diagnosis sees them, with the options that it was diagnosed with.

    Raises:
        InputError: it is no run, or its tables have faults.
    """
    from mixedsignals.diagnosis import Case

    manifest = folder.read_manifest()
    return Case(_evidence(folder, manifest), _options(manifest))


def diagnose_corpus(
    corpus: Corpus,
    out: Path | str,
    *,
    raters: RaterModel = "dawid-skene",
    options: DiagnosisOptions | None = None,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Diagnose the votes of a corpus: the human side, without any model.

    Raises:
        InputError: the corpus has no votes, or `out` is a folder of something else.
    """
    from mixedsignals.corpus import make_targets
    from mixedsignals.diagnosis import Evidence

    if corpus.votes is None or corpus.votes.is_empty():
        problem = Problem(
            "no-votes",
            "has no votes, and there are no predictions",
            "Give --predictions, or add votes.",
            file=str(corpus.path),
        )
        raise InputError(problem)
    targets = make_targets(
        corpus.clips, corpus.votes, corpus.targets, corpus.labels, tie_rule=corpus.tie_rule
    )
    folder = _new_folder(Path(out))
    evidence = Evidence(
        labels=corpus.labels,
        votes=corpus.votes,
        clips=corpus.clips,
        targets=targets.table,
        splits=corpus.splits,
        run_id=folder.path.resolve().name,
        target_source=targets.source,
    )
    about = {
        "name": corpus.name,
        "path": str(Path(corpus.path).resolve()),
        "licence": corpus.licence,
        "media_root": str(Path(corpus.media_root).resolve()),
    }
    manifest = _manifest(evidence, about, tie_rule=targets.tie_rule, raters=raters)
    return _made(evidence, folder, manifest, options or _options(manifest), progress)


def diagnose(
    predictions: Any,
    *,
    votes: Any = None,
    clips: Any = None,
    targets: Any = None,
    splits: Any = None,
    cues: Any = None,
    gates: Any = None,
    labels: Labels | Sequence[str] | None = None,
    kind: Kind | None = None,
    fusion: str = "fusion",
    raters: RaterModel = "dawid-skene",
    renormalise: bool = False,
    out: Path | str | None = None,
    options: DiagnosisOptions | None = None,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Diagnose the predictions of any models; torch is not needed.

    Args:
        predictions: a long table `clip_id, source, label, probability` (Polars, pandas, Arrow, …), a mapping of source
            to such a table or to one with a column per label, or one or more files of these forms.
        votes, clips, targets, splits: tables or files; each may be absent. With splits, predictions on clips that were
            trained on are found, and pairs of clips are compared within a test fold.
        cues: a `cues` table or file, such as `mixedsignals cues CORPUS --out` writes.
        gates: a `gates` table or file of fused sources; `run_id`, `seed` (0) and `given` (all its modalities) may be
            left out. Held against Shapley values where there are predictions given every subset of modalities.
        labels, kind: the label names in order, where they cannot be seen; `nominal` or `ordinal`.
        fusion: name of the fused source; the audit runs without one.
        raters: the model of raters, `dawid-skene`, `mace` or `glad`.
        renormalise: divide by sums that are not one instead of refusing them.
        out: run folder to write; None writes nothing.

    Raises:
        InputError: faults of any of the tables, all at once per table.
    """
    from mixedsignals.diagnosis import DiagnosisOptions, Evidence

    folder = None if out is None else _new_folder(Path(out))
    run_id = "run" if folder is None else folder.path.resolve().name
    read = _predictions(
        predictions, labels=labels, kind=kind, fusion=fusion, run_id=run_id, renormalise=renormalise
    )
    run_id = _only_run(read.table)
    _refuse_unknown_fusion(fusion, read.table)
    for warning in read.warnings:
        progress.say(f"warning: {warning}")
    known = {
        table.name: None if data is None else _table(table.name, data, read.labels)
        for table, data in (
            (VOTES, votes),
            (CLIPS, clips),
            (TARGETS, targets),
            (SPLITS, splits),
            (CUES, cues),
            (GATES, _named(gates, run_id)),
        )
    }
    known["targets"], source = _targets(known, read.labels)
    evidence = Evidence(
        labels=read.labels, predictions=read.table, run_id=run_id, target_source=source, **known
    )
    chosen = options or DiagnosisOptions(fusion=fusion, raters=raters)
    manifest = _manifest(evidence, {"name": run_id}, fusion=fusion, raters=raters, renormalise=renormalise)
    return _made(evidence, folder, manifest, chosen, progress)


def _refuse_unfinished(folder: RunFolder, manifest: Mapping[str, Any]) -> None:
    """A run of models is diagnosed when it has predictions: votes alone would pass for all that there is."""
    if "options" not in manifest or folder.table("predictions").is_file():
        return
    if manifest.get("fit", {}).get("done"):
        message, remedy = "has lost its table of predictions", "Put it back, or run again into a new folder."
    else:
        message, remedy = (
            "has not finished training",
            "Give the `mixedsignals run` or `fit` that began it again.",
        )
    raise InputError(Problem("unfinished-run", message, remedy, file=str(folder.path)))


def read_answer(run: RunFolder) -> list[str]:
    """The sentences that answer the main question, as the diagnosis left them."""
    path = run.tables / "answer.json"
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def _predictions(data: Any, **options: Any) -> Any:
    from mixedsignals.diagnosis.door import predictions_from_frames, read_predictions

    if isinstance(data, str | Path):
        return read_predictions([data], **options)
    if isinstance(data, Mapping) and not any(isinstance(value, str | Path) for value in data.values()):
        tables = {"predictions": data} if "clip_id" in data else data
        frames = {str(name): frame_of(table) for name, table in tables.items()}
        return predictions_from_frames(frames, **options)
    if isinstance(data, Sequence) and data and all(isinstance(item, str | Path) for item in data):
        return read_predictions(list(data), **options)
    return predictions_from_frames({"predictions": frame_of(data)}, **options)


def _refuse_unknown_fusion(fusion: str, predictions: pl.DataFrame) -> None:
    sources = predictions["source"].unique(maintain_order=True).to_list()
    if fusion not in ("fusion", *sources):
        message = f"no source is named {fusion!r}; there are {', '.join(sources)}"
        raise InputError(Problem("unknown-source", message, "Name the fused one with --fusion."))


def _only_run(predictions: pl.DataFrame) -> str:
    runs = predictions["run_id"].unique().sort().to_list()
    if len(runs) > 1:
        message = f"the predictions hold {len(runs)} runs ({', '.join(runs)}), and one is diagnosed at a time"
        raise InputError(Problem("several-runs", message, "Keep the rows of one run_id."))
    return str(runs[0])


def _table(name: str, data: Any, labels: Labels) -> pl.DataFrame:
    path = Path(data) if isinstance(data, str | Path) else None
    frame = frame_of(data) if path is None else read_frame(path)
    if name == SPLITS.name and "fold" not in frame.columns:
        frame = frame.with_columns(fold=pl.lit(0))  # one split, as most people have it
    return conform(TABLES[name], frame, source=name if path is None else path.name, labels=labels)


def _named(gates: Any, run_id: str) -> pl.DataFrame | None:
    """Gates of anybody's model with what goes without saying: the run, one seed, and that everything was given."""
    if gates is None:
        return None
    frame = read_frame(Path(gates)) if isinstance(gates, str | Path) else frame_of(gates)
    said: dict[str, Any] = {"run_id": run_id, "seed": 0}
    if "modality" in frame.columns:
        said["given"] = combination(frame["modality"].cast(pl.String).drop_nulls().unique().to_list())
    return frame.with_columns(
        pl.lit(value).alias(name) for name, value in said.items() if name not in frame.columns
    )


def _targets(
    known: Mapping[str, pl.DataFrame | None], labels: Labels
) -> tuple[pl.DataFrame | None, str | None]:
    """Targets as the corpus room decides them, wherever there is something to decide them from."""
    from mixedsignals.corpus import make_targets

    clips, votes, targets = known["clips"], known["votes"], known["targets"]
    if targets is not None:
        return targets, "targets"
    if clips is None:
        if votes is None:
            return None, None
        clips = conform(CLIPS, votes.select("clip_id").unique(maintain_order=True))
    made = make_targets(clips, votes, None, labels)
    return (None, None) if made.table.is_empty() else (made.table, made.source)


def _labels(manifest: Mapping[str, Any]) -> Labels:
    corpus = manifest["corpus"]
    return Labels(tuple(corpus["labels"]), corpus["kind"])


def _options(manifest: Mapping[str, Any]) -> DiagnosisOptions:
    from mixedsignals.diagnosis import DiagnosisOptions

    options = manifest.get("options", {})
    chosen: dict[str, Any] = {"level": options["level"]} if "level" in options else {}
    said = manifest.get("diagnosis", {})
    return DiagnosisOptions(**chosen, **{name: said[name] for name in ("fusion", "raters") if said.get(name)})


def _tables(folder: RunFolder) -> dict[str, pl.DataFrame]:
    return {
        name: read_table(table, folder.table(name))
        for name, table in TABLES.items()
        if folder.table(name).is_file()
    }


def _new_folder(path: Path) -> RunFolder:
    """A folder that is empty, new, or of an earlier diagnosis; a run with models in it is not written over."""
    folder = RunFolder(path)
    occupied = path.is_dir() and any(path.iterdir())
    if occupied and (not folder.exists() or "fit" in folder.read_manifest()):
        what = "is a run with models" if folder.exists() else "is not empty, and no run"
        raise InputError(Problem("another-run", what, "Name another folder with --out.", file=str(path)))
    return folder


def _manifest(evidence: Evidence, about: Mapping[str, Any], **diagnosis: Any) -> dict[str, Any]:
    names = ("predictions", "votes", "clips", "targets", "splits")
    tables = {name: getattr(evidence, name) for name in names}
    return {
        "run_id": evidence.run_id,
        "corpus": {**about, "labels": list(evidence.labels.names), "kind": evidence.labels.kind},
        "inputs": {name: digest_frame(table) for name, table in tables.items() if table is not None},
        "targets": {"source": evidence.target_source},
        "diagnosis": diagnosis,
        "environment": environment(),
    }


def _made(
    evidence: Evidence,
    folder: RunFolder | None,
    manifest: Mapping[str, Any],
    options: DiagnosisOptions,
    progress: Progress,
) -> Diagnosis:
    from mixedsignals.diagnosis import diagnose as make
    from mixedsignals.diagnosis.summary import answer

    made = make(evidence, options=options, progress=progress)
    if folder is None:
        return made
    sources = {
        name: getattr(evidence, name) for name in ("clips", "votes", "targets", "splits", "gates", "cues")
    }
    frames = {**sources, "predictions": made.predictions, "scores": made.scores}
    frames |= {"estimates": made.estimates, "findings": made.findings}
    for table in (PREDICTIONS, SCORES, ESTIMATES, FINDINGS, *(TABLES[name] for name in sources)):
        if (frame := frames[table.name]) is not None:
            # Keys of what came in were compared at the door; predictions have only gained a column.
            came = table.name in sources or table is PREDICTIONS
            write_table(table, frame, folder.table(table.name), checked=came)
    sentences = answer(made.estimates, made.findings, fusion=options.fusion)
    with atomic(folder.tables / "answer.json") as partial:
        partial.write_text(json.dumps(sentences, ensure_ascii=False, indent=2), encoding="utf-8")
    folder.write_manifest(manifest)
    folder.log("diagnosed", estimates=made.estimates.height, findings=made.findings.height)
    return made
