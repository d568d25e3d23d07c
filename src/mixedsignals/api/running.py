"""The verb `run`: fit, diagnose, report; and its exact repetition from a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mixedsignals.api.corpora import checked
from mixedsignals.api.diagnosing import diagnose_run
from mixedsignals.api.fitting import fit
from mixedsignals.api.media_options import MediaOptions, asked_of_media
from mixedsignals.api.probing import ask
from mixedsignals.api.reporting import report
from mixedsignals.errors import InputError, Problem
from mixedsignals.manifest import RunOptions, differences
from mixedsignals.probe_options import ProbeOptions, asked_in
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, read_toml

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus

__all__ = ["repeat", "run"]

Media = Literal["copy", "link", "none"]


def run(
    corpus: Corpus | Path | str,
    out: Path | str,
    *,
    options: RunOptions | None = None,
    probes: Sequence[ProbeOptions] = (),
    media_probes: MediaOptions | None = None,
    media: Media = "copy",
    progress: Progress = SILENT,
) -> RunFolder:
    """The whole line from a corpus to a report; the same call goes on where an earlier one stopped.

    Args:
        corpus: as read, or its folder.
        out: the folder of the run.
        options: how it is made.
        probes: what the heads are asked, one after the other, before the diagnosis; see `probe`.
        media_probes: which clips are altered how, and asked about.
        media: see `report`.
        progress: told how far it is.

    Raises:
        InputError: faults of the corpus, or `out` is a run of other options or inputs.
        CannotFinish: a step that this corpus or machine does not allow.
    """
    if isinstance(corpus, str | Path):
        corpus = checked(corpus, progress=progress)
    folder = fit(corpus, out, options=options, progress=progress)
    asked = folder.read_manifest()
    wanted = [] if list(probes) == asked_in(asked) else list(probes)
    altered = None if media_probes == asked_of_media(asked) else media_probes
    if wanted or altered:
        ask(folder.path, wanted, media=altered, progress=progress)
    diagnose_run(folder.path, progress=progress)
    report(folder.path, media=media, progress=progress)
    return folder


def repeat(
    manifest: Path | str, out: Path | str, *, media: Media = "copy", progress: Progress = SILENT
) -> RunFolder:
    """Run again what a `run.toml` records, into a new folder; a run that was probed is probed again, too.

    The tables come out equal on the same machine with the same number of threads.

    Raises:
        InputError: the manifest is not of a run, or the corpus is not what it was.
    """
    path = Path(manifest)
    recorded = read_toml(path, remedy="Name the run.toml of a run.")
    if "options" not in recorded:
        problem = Problem(
            "no-run", "records no options of a run", "Name the run.toml of a run.", file=str(path)
        )
        raise InputError(problem)
    options = RunOptions.from_dict(recorded["options"], file=str(path))
    folder = run(
        recorded["corpus"]["path"],
        out,
        options=options,
        probes=asked_in(recorded, file=str(path)),
        media_probes=asked_of_media(recorded, file=str(path)),
        media=media,
        progress=progress,
    )
    _say_differences(recorded, folder, progress)
    return folder


def _say_differences(recorded: Mapping[str, object], folder: RunFolder, progress: Progress) -> None:
    now = folder.read_manifest()
    for part, what in (("inputs", "the inputs differ"), ("environment", "the environment differs")):
        changed = differences(_mapping(recorded.get(part)), _mapping(now.get(part)))
        if changed:
            progress.say(f"{what} from the recorded run, so numbers may: {'; '.join(changed)}")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
