"""Probes on real media: recordings and words are altered, encoded as the run's were, and its heads asked again.

Where `probe` changes embeddings, this changes what people would hear, see and read. Every answer is out of fold and
stands beside that on the same clip written anew without a change (`media:plain`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.encoding import is_ready_made
from mixedsignals.api.lending import Lenders
from mixedsignals.api.media_asking import answers, embedded
from mixedsignals.api.media_options import MediaOptions
from mixedsignals.errors import CannotFinish, InputError, Problem, UsageError
from mixedsignals.labels import MODALITIES, combination
from mixedsignals.probes import (
    Film,
    FilmOptions,
    Films,
    LeftOut,
    Source,
    Version,
    disk_use,
    make_films,
    parse_probe,
    plan_versions,
    stratified,
)
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import cache_dir
from mixedsignals.tables import PREDICTIONS, PROBES, conform, read_table, write_table

if TYPE_CHECKING:
    from mixedsignals.api.trained import Trained
    from mixedsignals.corpus import Corpus

__all__ = [
    "MediaProbed",
    "labelled",
    "media_sources",
    "probe_media",
    "reasons",
]

_PILOT = 3  # clips from which the time is foretold
_WORTH_FORETELLING = 8  # clips from which on that is worth it
_MINUTE = 60.0
_MUCH = 1 / 3  # of the longer recording cut


@dataclass(frozen=True)
class MediaProbed:
    """What `probe_media` gives.

    Attributes:
        table: the `media:*` rows, as they stand in the run's table `probes` too.
        clips: those that were altered.
        versions: how many versions were asked about, the plain ones among them.
        left_out: versions that could not be made, with reasons.
        made, reused: tracks made now, and taken from the cache.
        disk: bytes of these tracks in the cache.
        notes: sentences for the reader.
    """

    table: pl.DataFrame
    clips: tuple[str, ...]
    versions: int
    left_out: tuple[LeftOut, ...] = ()
    made: int = 0
    reused: int = 0
    disk: int = 0
    notes: tuple[str, ...] = ()

    def sentences(self) -> Iterator[str]:
        """What a user should know."""
        yield f"{self.versions:,} versions of {len(self.clips)} clips were asked about."
        yield (
            f"Of their tracks {self.made:,} were made now and {self.reused:,} were there; they take "
            f"{self.disk / 1e6:.0f} MB in {films_folder()}, which may be emptied."
        )
        for reason, count in reasons(self.left_out):
            yield f"Left out, {count} version{'s' if count != 1 else ''}: {reason}."
        yield from self.notes


def probe_media(
    trained: Trained,
    *,
    options: MediaOptions | None = None,
    progress: Progress = SILENT,
) -> MediaProbed:
    """Alter clips of a run, encode them, ask the heads, and write the answers into the table `probes`.

    Earlier rows of `media:` probes are replaced, all others stay; `run.toml` keeps the options. What is made lies in
    the cache: a stopped call goes on where it was.

    Args:
        trained: the run.
        progress: told how many recordings there are and how long they take, before most are made.

    Raises:
        InputError: media that are gone or cannot be read, all of them named.
        UsageError: a fusion that the run does not have.
        CannotFinish: nothing of the run can be altered, or the disk is full.
    """
    options = options or MediaOptions()
    wanted = _wanted(trained, options.sources)
    modalities = _alterable(trained)
    found = media_sources(trained.corpus, modalities)
    chosen = _chosen(trained, found, options)
    versions, left_out = plan_versions(
        chosen,
        found,
        [parse_probe(name) for name in options.probes],
        _pairs(trained, modalities, options),
        modalities=modalities,
        whole=trained.modalities,
    )
    work = _Work(trained, found, modalities, options, progress)
    work.foretell(versions, chosen)
    films = work.films(versions)
    table = _table(trained, work, films.films, wanted)
    left_out += films.left_out
    _write(trained, table, wanted)
    _record(trained, options, table, len(left_out))
    return MediaProbed(
        table,
        tuple(chosen),
        len(films.films),
        tuple(left_out),
        films.made,
        films.reused,
        disk_use(films.films),
        tuple(_notes(trained, modalities, films.films)),
    )


def films_folder() -> Path:
    """Where altered tracks are kept."""
    return cache_dir() / "films"


def _wanted(trained: Trained, sources: Sequence[str] | None) -> tuple[str, ...]:
    if len(trained.modalities) < 2:
        raise CannotFinish(
            f"{trained.run.path} learned from {trained.modalities[0]} alone: probes ask which of several modalities "
            "a fusion follows, and there is nothing to choose between."
        )
    if sources is None:
        return trained.sources
    if unknown := [name for name in sources if name not in trained.sources]:
        raise UsageError(f"--source {', '.join(unknown)}: this run has {', '.join(trained.sources)}")
    return tuple(name for name in trained.sources if name in sources)


def _alterable(trained: Trained) -> tuple[str, ...]:
    """The modalities that the run itself encoded from media or words."""
    ready = [one for one in trained.modalities if is_ready_made(trained.corpus, trained.options, one)]
    found = tuple(one for one in trained.modalities if one in MODALITIES and one not in ready)
    if not found:
        raise CannotFinish(
            f"This run learned from ready-made features ({', '.join(ready)}), which altered media cannot be turned "
            "into. Probes without --media change the features themselves."
        )
    return found


def media_sources(corpus: Corpus, modalities: Sequence[str]) -> dict[str, Source]:
    """Where picture, sound and words of every clip are, as far as the modalities ask for them.

    A file that is named for sound or picture and has no such track gives none.

    Raises:
        InputError: files that are gone or cannot be read, all of them.
    """
    from mixedsignals.media import MediaInfo, Part, probe

    infos: dict[Path, MediaInfo | None] = {}
    problems: list[Problem] = []

    def part(row: Mapping[str, Any], modality: str) -> Part | None:
        path = corpus.media_path(row, modality) if modality in modalities else None
        if path is None:
            return None
        if path not in infos:
            try:
                infos[path] = probe(path)
            except InputError as error:
                infos[path] = None
                problems.extend(error.problems)
        info = infos[path]
        has = info is not None and (info.has_audio if modality == "audio" else info.has_video)
        return Part(path, row["start"], row["end"]) if has else None

    found = {}
    for row in corpus.clips.iter_rows(named=True):
        words = (row["transcript"] or "").strip() if "text" in modalities else ""
        found[row["clip_id"]] = Source(part(row, "video"), part(row, "audio"), words or None)
    if problems:
        raise InputError(problems)
    return found


def labelled(clips: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """clip_id, speaker_id and label of the clips whose target has one most frequent label."""
    best = targets.filter(pl.col("share") == pl.col("share").max().over("clip_id"))
    single = best.filter(pl.len().over("clip_id") == 1).select("clip_id", "label")
    return clips.select("clip_id", "speaker_id").join(single, on="clip_id", maintain_order="left")


def _chosen(trained: Trained, found: Mapping[str, Source], options: MediaOptions) -> list[str]:
    tested = trained.splits.filter(role="test")["clip_id"].unique()
    having = [clip for clip, source in found.items() if source.modalities]
    eligible = labelled(trained.corpus.clips, trained.targets).filter(
        pl.col("clip_id").is_in(tested.to_list()), pl.col("clip_id").is_in(having)
    )
    if eligible.is_empty():
        raise CannotFinish("No clip that was tested has a label and media or words to alter.")
    return stratified(eligible, options.clips or eligible.height, seed=options.seed)


def _pairs(
    trained: Trained, modalities: Sequence[str], options: MediaOptions
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    lenders = Lenders(trained, count=options.partners, seed=options.seed)
    return {
        (kind, modality): list(lenders.of(modality, same_label=kind == "mismatch").iter_rows())
        for kind in ("swap", "mismatch")
        if f"media:{kind}" in options.probes
        for modality in modalities
    }


@dataclass(frozen=True)
class _Work:
    """The two long steps, recordings and embeddings, with all that they need."""

    trained: Trained
    sources: Mapping[str, Source]
    modalities: Sequence[str]
    options: MediaOptions
    progress: Progress

    def films(self, versions: Sequence[Version], progress: Progress | None = None) -> Films:
        """Recordings of versions, from the cache where they are there."""
        chosen = FilmOptions(self.options.noise, self.options.freeze, self.options.seed)
        return make_films(
            versions,
            self.sources,
            films_folder(),
            options=chosen,
            jobs=self.options.jobs,
            progress=progress or self.progress,
        )

    def foretell(self, versions: Sequence[Version], clips: Sequence[str]) -> None:
        """Say how much there is to do; where it is much, also how long it takes, from the first clips."""
        n = len(versions)
        said = f"{len(clips)} clips in {n:,} versions"
        if len(clips) < _WORTH_FORETELLING:
            self.progress.say(f"{said}.")
            return
        first = set(clips[:_PILOT])
        pilot = [one for one in versions if one.clip_id in first]
        began = perf_counter()
        films = self.films(pilot, SILENT)
        embedded(self.trained, films.films, self.modalities, progress=SILENT)
        seconds = (perf_counter() - began) * (n - len(pilot)) / len(pilot)
        long = "under a minute" if seconds < _MINUTE else f"about {round(seconds / _MINUTE)} min"
        cached = "" if films.made else ", which were in the cache"
        self.progress.say(
            f"{said}: {long} for the rest, going by the first {_PILOT}{cached}; a stopped call goes on where it was."
        )


def _table(trained: Trained, work: _Work, films: Sequence[Film], sources: Sequence[str]) -> pl.DataFrame:
    parts = embedded(trained, films, work.modalities, progress=work.progress)
    rows = [answers(part, made, films, sources) for part, made in parts]
    names = {film.version.version_id: film.version for film in films}
    said = pl.concat(rows)
    columns = {
        name: pl.Series([getattr(names[one], name) for one in said["clip_id"]], dtype=pl.String)
        for name in ("probe", "modality", "donor_id")
    }
    clips = pl.Series([names[one].clip_id for one in said["clip_id"]], dtype=pl.String)
    table = said.with_columns(run_id=pl.lit(trained.run_id), **columns).with_columns(clip_id=clips)
    return conform(PROBES, table.sort("source", "seed", maintain_order=True), source=PROBES.name)


def _write(trained: Trained, table: pl.DataFrame, sources: Sequence[str]) -> None:
    path = trained.run.table(PROBES.name)
    kept = read_table(PROBES, path) if path.is_file() else PROBES.empty()
    asked = pl.col("source").is_in(list(sources))
    there = set(kept.filter(probe="plain")["source"])
    plain = _plain(trained, [name for name in sources if name not in there])
    kept = kept.filter(~(pl.col("probe").str.starts_with("media:") & asked))
    write_table(PROBES, pl.concat([one for one in (kept, plain, table) if not one.is_empty()]), path)


def _plain(trained: Trained, sources: Sequence[str]) -> pl.DataFrame:
    """What the run said of its clips: beside it stands what writing them anew does."""
    said = read_table(PREDICTIONS, trained.run.table(PREDICTIONS.name))
    full = combination(trained.modalities)
    rows = said.filter(pl.col("source").is_in(list(sources)), pl.col("given") == full).with_columns(
        probe=pl.lit("plain"), modality=pl.lit(full), donor_id=pl.lit(None, pl.String)
    )
    return conform(PROBES, rows.select(list(PROBES.schema)), source=PROBES.name)


def _record(trained: Trained, options: MediaOptions, table: pl.DataFrame, left_out: int) -> None:
    manifest = trained.run.read_manifest()
    manifest["probe_media"] = options.to_dict()
    trained.run.write_manifest(manifest)
    trained.run.log(
        "probed media",
        probes=list(options.probes),
        clips=table["clip_id"].n_unique(),
        rows=table.height,
        left_out=left_out,
    )


def _notes(trained: Trained, modalities: Sequence[str], films: Sequence[Film]) -> list[str]:
    notes = []
    if ready := [one for one in trained.modalities if one not in modalities]:
        notes.append(
            f"{', '.join(ready)}: this run learned from ready-made features, which stay as they are in every version."
        )
    spliced = [film.cut for film in films if film.version.donor_id and film.sound and film.picture]
    if long := sum(cut > _MUCH for cut in spliced):
        notes.append(
            f"In {long} of {len(spliced)} splices more than a third of the longer recording was cut: voice and face "
            "came from clips of very different length."
        )
    return notes


def reasons(left_out: Sequence[LeftOut]) -> list[tuple[str, int]]:
    """`media:swap of audio: no sound` and how many versions, the most frequent first."""
    return Counter(f"{one.probe} of {one.modality}: {one.reason}" for one in left_out).most_common()
