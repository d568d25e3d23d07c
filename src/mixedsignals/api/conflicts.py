"""A corpus in which voice and face contradict each other, made from a corpus or a run; and whom people or models follow
in it.

Both parts of a film come from one speaker. Whoever judges the films, their answers are set against those on the same
faces with their own voices, so that what a face looks like anyway does not count as following it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mixedsignals.api.corpora import read
from mixedsignals.api.media_probing import labelled, media_sources
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.measures.partners import choose_partners
from mixedsignals.probes import Source, Splice, Writing, stratified, write_splices
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, atomic
from mixedsignals.tables import CLIPS, TARGETS, read_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus

__all__ = ["ConflictsMade", "write_conflicts"]

_NOT_COMPARED = {column.name for column in CLIPS.columns} - {"transcript"}
_RECORD = "splices.toml"


@dataclass(frozen=True)
class ConflictsMade:
    """What `write_conflicts` made.

    Attributes:
        path: the folder of the corpus.
        clips: its table.
        alone: labelled clips with voice and face whose speaker has no such clip with another label.
        lacking: labelled clips by what they lack: voice, face, or a speaker id.
        licence: as in the corpus that the clips came from; None where it says nothing.
        long_cuts: films for which more than a third of the longer recording was cut.
    """

    path: Path
    clips: pl.DataFrame
    alone: int
    lacking: Mapping[str, int]
    licence: str | None
    long_cuts: int

    def sentences(self) -> Iterator[str]:
        """What a user should know."""
        kinds = Counter(self.clips["kind"])
        speakers = self.clips["speaker_id"].n_unique()
        yield (
            f"{kinds['conflict']} films with the voice of one clip and the face of another, and {kinds['plain']} clips "
            f"as they were, of {speakers} speaker{'s' if speakers != 1 else ''}, in {self.path}"
        )
        same = self.clips.filter(kind="conflict", same_words="yes").height
        yield f"In {same} of the {kinds['conflict']} voice and face say the same words."
        if self.alone:
            yield f"Left out: {_clips(self.alone)} whose speaker has no clip with another label."
        for what, count in self.lacking.items():
            yield f"Left out: {_clips(count)} without {what}."
        if self.long_cuts:
            yield f"In {self.long_cuts} films more than a third of the longer recording was cut."
        licence = self.licence or "not stated"
        yield f"Licence of the clips: {licence}. Read {self.path / 'README.md'} before you show the films to anybody."

    def record(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "path": str(self.path),
            "films": dict(Counter(self.clips["kind"])),
            "speakers": self.clips["speaker_id"].n_unique(),
            "alone": self.alone,
            "lacking": dict(self.lacking),
            "long_cuts": self.long_cuts,
            "licence": self.licence,
        }


def _clips(count: int) -> str:
    return f"{count} clip{'s' if count != 1 else ''}"


def write_conflicts(
    folder: Path | str,
    out: Path | str,
    *,
    clips: int | None = 60,
    partners: int = 1,
    seed: int = 0,
    corpus: Path | str | None = None,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> ConflictsMade:
    """Write a corpus of films in which voice and face contradict each other, and the same faces as they were.

    Args:
        folder: a run, whose targets are taken, or a corpus.
        out: the folder of the new corpus: new, empty, or of an earlier call with the same options, which goes on.
        clips: faces at most, labels and speakers evenly; None takes all.
        partners: voices that a face gets at most; those that say the same words come first.
        seed: of the draw.
        corpus: where the corpus of the run lies now, if it was moved.
        jobs: films made at a time.
        progress: told how far it is.

    Raises:
        InputError: no corpus or run, media that are gone or cannot be read, or another folder in `out`.
        CannotFinish: no speaker has two clips with voice and face and different labels; the disk is full.
    """
    source, targets = _read(Path(folder), corpus)
    found = media_sources(source, ("text", "audio", "video"))
    having, lacking = _having(labelled(source.clips, targets), found)
    pairs = _pairs(source, having, partners, seed)
    paired = having.filter(pl.col("clip_id").is_in([face for face, _ in pairs]))
    if not pairs:
        raise CannotFinish(_nothing(having, lacking))
    chosen = set(stratified(paired, clips or paired.height, seed=seed))
    splices = list(_splices([pair for pair in pairs if pair[0] in chosen], having, found))
    out = Path(out)
    _claim(out, {"clips": [splice.face for splice in splices], "voices": [one.voice for one in splices]})
    writing = Writing(f"{source.name}: voice against face", source.labels, source.licence, jobs=jobs)
    made = write_splices(splices, out, writing, progress=progress)
    long = made.filter(pl.col("cut_share") > 1 / 3).height
    return ConflictsMade(out, made, having.height - paired.height, lacking, source.licence, long)


def _read(folder: Path, named: Path | str | None) -> tuple[Corpus, pl.DataFrame]:
    """The corpus, and targets: the run's own, or those that the corpus gives."""
    from mixedsignals.corpus import make_targets

    run = RunFolder(folder)
    if not run.exists():
        corpus = read(folder)
        made = make_targets(
            corpus.clips, corpus.votes, corpus.targets, corpus.labels, tie_rule=corpus.tie_rule
        )
        return corpus, made.table
    place = Path(named or run.read_manifest().get("corpus", {}).get("path", ""))
    if not place.is_dir() or str(place) == ".":
        message = "was made from a corpus that is not there"
        remedy = "Put it back, or say with --corpus where it lies now."
        raise InputError(Problem("moved-corpus", message, remedy, file=str(folder)))
    if not run.table("targets").is_file():
        message, remedy = "has no targets", "Name a corpus whose clips have labels."
        raise InputError(Problem("no-targets", message, remedy, file=str(folder)))
    return read(place), read_table(TARGETS, run.table("targets"))


def _having(clips: pl.DataFrame, found: Mapping[str, Source]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Labelled clips with voice, face and speaker; and how many lack which."""
    told = clips.filter(pl.col("label").is_not_null(), pl.col("clip_id").is_in(list(found)))
    lacks: Counter[str] = Counter()
    whole = []
    for clip, speaker in told.select("clip_id", "speaker_id").iter_rows():
        source = found[clip]
        parts = {"voice": source.sound, "face": source.picture, "speaker id": speaker}
        missing = [name for name, part in parts.items() if part is None]
        lacks.update(missing[:1])
        whole.append(not missing)
    return told.filter(pl.Series(whole, dtype=pl.Boolean)), dict(lacks)


def _nothing(having: pl.DataFrame, lacking: Mapping[str, int]) -> str:
    without = ", ".join(f"{count} have no {what}" for what, count in lacking.items())
    return (
        f"No speaker has two clips with voice, face and different labels: {having.height} labelled clips have both"
        f"{'; ' + without if without else ''}. Films are spliced within a speaker only."
    )


def _pairs(source: Corpus, having: pl.DataFrame, partners: int, seed: int) -> list[tuple[str, str]]:
    """Face and voice, of one speaker, with different labels."""
    known = having.sort("clip_id").join(
        source.clips.drop("speaker_id", "label", strict=False), on="clip_id", maintain_order="left"
    )
    words = pl.col("transcript").str.to_lowercase().str.strip_chars()
    columns = [name for name in known.columns if name not in _NOT_COMPARED]
    codes = known.with_columns(words).select(columns)
    chosen = choose_partners(
        _codes(known["label"]),
        np.zeros(known.height, np.int64),
        _codes(known["speaker_id"]),
        columns=np.stack([_codes(one) for one in codes.iter_columns()], axis=1) if columns else None,
        count=partners,
        seed=seed,
    )
    ids = known["clip_id"]
    return [
        (ids[int(face)], ids[int(voice)])
        for face, voice, same in zip(chosen.clip, chosen.donor, chosen.same_group, strict=True)
        if same
    ]


def _codes(values: pl.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    text = values.cast(pl.String)
    return text.cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def _splices(
    pairs: Sequence[tuple[str, str]], having: pl.DataFrame, found: Mapping[str, Source]
) -> Iterator[Splice]:
    """Every face as it was, followed by its conflicts."""
    about = {clip: (label, speaker) for clip, speaker, label in having.iter_rows()}
    plain: set[str] = set()
    for face, voice in pairs:
        for kind, heard in (("plain", face), ("conflict", voice)):
            if kind == "plain" and face in plain:
                continue
            plain.add(face)
            one, other = found[face], found[heard]
            if one.picture is None or one.sound is None or other.sound is None:
                continue  # `_having` lets none of these through
            same = None if one.words is None or other.words is None else _same(one.words, other.words)
            yield Splice(
                kind="plain" if kind == "plain" else "conflict",
                speaker=about[face][1],
                face=face,
                voice=heard,
                face_label=about[face][0],
                voice_label=about[heard][0],
                picture=one.picture,
                sound=other.sound,
                own=one.sound,
                words=other.words,
                same_words=same,
            )


def _same(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def _claim(out: Path, record: Mapping[str, Any]) -> None:
    """Refuse a folder of anything else; note what this one is made of, so that a stopped call can go on.

    Raises:
        InputError: the folder holds something else.
    """
    import tomli_w

    said = tomli_w.dumps(record)
    path = out / _RECORD
    if path.is_file() and path.read_text(encoding="utf-8") == said:
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        message = "holds other splices" if path.is_file() else "is not empty"
        raise InputError(Problem("another-corpus", message, "Name another folder.", file=str(out)))
    with atomic(path) as partial:
        partial.write_text(said, encoding="utf-8")
