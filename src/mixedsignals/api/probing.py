"""The verb `probe`: trained heads are asked again, with one modality taken away, lent by another clip or in noise.

Every answer is out of fold. Answers are rows of the tables `probes` and `predictions`; what they mean, the diagnosis
says from these tables alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from mixedsignals.api.diagnosing import diagnose_run
from mixedsignals.api.lending import Lenders
from mixedsignals.api.media_options import MediaOptions, asked_of_media
from mixedsignals.api.media_probing import probe_media
from mixedsignals.api.probers import HANDLINGS, PROBERS, Answers, Asked, fused_of
from mixedsignals.api.reporting import media_shown, report
from mixedsignals.api.trained import Trained, read_trained
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.labels import combination
from mixedsignals.probe_options import ProbeOptions, asked_in, with_asked
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder
from mixedsignals.tables import PREDICTIONS, PROBES, Table, conform, read_table, write_table

if TYPE_CHECKING:
    from mixedsignals.diagnosis import Diagnosis

__all__ = ["ask", "probe"]


def probe(
    run: Path | str,
    *,
    options: ProbeOptions | None = None,
    media: MediaOptions | None = None,
    corpus: Path | str | None = None,
    with_report: bool = True,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Ask the heads of a run again, write the answers into its tables, diagnose and report.

    The tables `probes` and `predictions` get the answers; earlier answers of the same probes and sources are replaced,
    others stay. `run.toml` keeps the options, so that a repetition of the run asks the same.

    Args:
        run: the folder of a run with models.
        options: what to ask, and how. Without these and `media`, what was asked before is asked again, or everything
            but real media where nothing was.
        media: which clips to alter how, and to encode and ask about anew; see `MediaOptions`.
        corpus: where the run's corpus lies now, if it was moved.
        with_report: whether to write the report again.
        progress: told how far it is.

    Raises:
        InputError: no run with models, a corpus that is gone or has changed.
        UsageError: a source that the run does not have.
        CannotFinish: the run learned from one modality alone.
    """
    folder = RunFolder(Path(run))
    wanted = [] if options is None else [options]
    if options is None and media is None:
        manifest = folder.read_manifest()
        wanted = asked_in(manifest, file=str(folder.manifest_path))
        media = asked_of_media(manifest, file=str(folder.manifest_path))
        wanted = wanted if wanted or media else [ProbeOptions()]
    ask(
        folder.path,
        wanted,
        media=media,
        corpus=corpus,
        progress=progress,
    )
    made = diagnose_run(folder.path, progress=progress)
    if with_report:
        report(folder.path, media=media_shown(folder), progress=progress)
    return made


def ask(
    run: Path | str,
    wanted: Iterable[ProbeOptions],
    *,
    media: MediaOptions | None = None,
    corpus: Path | str | None = None,
    progress: Progress = SILENT,
) -> None:
    """The first half of `probe`: answers into the tables, one set of options after another, and no diagnosis."""
    trained = read_trained(run, corpus=corpus, progress=progress)
    for options in wanted:
        _ask(trained, options, progress)
    if media is not None:
        for sentence in probe_media(trained, options=media, progress=progress).sentences():
            progress.say(sentence)


def _ask(trained: Trained, options: ProbeOptions, progress: Progress) -> None:
    """One set of probes: asked, written, recorded."""
    sources = _sources(trained, options)
    started = perf_counter()
    lenders = Lenders(trained, count=options.partners, seed=options.seed)
    asked = Asked(trained, options, tuple(fused_of(trained, sources)), lenders, progress)
    answers = []
    with progress.task("Asking the heads", total=len(options.probes) + 1) as task:
        for name in ("plain", *options.probes):
            answers.append(PROBERS[name](asked))
            task.advance()
    _write(asked, answers)
    manifest = trained.run.read_manifest()
    manifest["probe"] = [one.to_dict() for one in with_asked(asked_in(manifest), options)]
    trained.run.write_manifest(manifest)
    trained.run.log(
        "probed",
        probes=list(options.probes),
        sources=list(sources),
        seconds=round(perf_counter() - started, 1),
    )


def _sources(trained: Trained, options: ProbeOptions) -> tuple[str, ...]:
    if len(trained.modalities) < 2:
        raise CannotFinish(
            f"{trained.run.path} learned from {trained.modalities[0]} alone: probes ask which of several modalities "
            "a fusion follows, and there is nothing to choose between."
        )
    wanted = trained.sources if options.sources is None else options.sources
    if unknown := [name for name in wanted if name not in trained.sources]:
        raise UsageError(f"--source {', '.join(unknown)}: this run has {', '.join(trained.sources)}")
    return tuple(name for name in trained.sources if name in wanted)


def _write(asked: Asked, answers: Sequence[Answers]) -> None:
    """Put the answers into the tables, in place of earlier ones to the same questions."""
    of_source = pl.col("source").is_in(asked.sources)
    predictions = [one.predictions for one in answers if not one.predictions.is_empty()]
    if predictions:
        handled = [f"{name}~{handling}" for name in asked.sources for handling in HANDLINGS]
        # The second fusion is trained on all modalities: whatever it says of fewer was asked by a probe.
        fewer = pl.col("given") != combination(asked.trained.modalities)
        earlier = of_source & (pl.col("source") != "fusion") & fewer
        _replace(asked.trained, PREDICTIONS, earlier | pl.col("source").is_in(handled), predictions)
    kind = pl.col("probe").str.split(":").list.first()
    earlier = of_source & kind.is_in(["plain", *asked.options.probes])
    _replace(asked.trained, PROBES, earlier, [one.probes for one in answers])


def _replace(trained: Trained, table: Table, earlier: pl.Expr, new: Sequence[pl.DataFrame]) -> None:
    path = trained.run.table(table.name)
    rows = conform(table, pl.concat(new).with_columns(run_id=pl.lit(trained.run_id)), source=table.name)
    if path.is_file() and not (kept := read_table(table, path).filter(~earlier)).is_empty():
        rows = pl.concat([kept, rows])
    # The keys of either part were compared, and the parts share none.
    write_table(table, rows, path, checked=True)
