"""`mixedsignals cues`: what can be heard, seen and read in the clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb
from mixedsignals.store import RunFolder

_SHOWN = 8


@verb("cues", example="mixedsignals cues RUN --measured video=openface_au.csv && mixedsignals diagnose RUN")
@click.argument("folder", type=FOLDER, metavar="CORPUS|RUN")
@click.option(
    "--which",
    metavar="NAME,…",
    help="prosody, words, face, egemaps, pyfeat, or another package's. Without it prosody and words, and face where "
    "its package and weights are there.",
)
@click.option(
    "--measured",
    multiple=True,
    metavar="MODALITY=FILE",
    help="Cues that were measured elsewhere: a table with clip_id and columns of numbers, or a folder of OpenFace's "
    "CLIP_ID.csv. May be repeated.",
)
@click.option(
    "--affect",
    multiple=True,
    metavar="MODALITY=NAME",
    help="A model of affect dimensions for audio or text: a hub name or a folder, one for each.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Processes that measure side by side; a value never depends on it.",
)
@click.option("--out", "-o", type=FOLDER, metavar="FILE", help="Also write the table, as .parquet or .csv.")
def command(
    folder: Path,
    which: str | None,
    measured: tuple[str, ...],
    affect: tuple[str, ...],
    jobs: int,
    out: Path | None,
) -> None:
    """Measure prosody, face and words of the clips of CORPUS or RUN; of a RUN they go into its tables.

    What was measured before comes from the cache, so a stopped call goes on where it was. A clip that lacks something
    (silence, no face, no transcript) has no value, and the reason is said.
    """
    from mixedsignals import api

    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise click.UsageError(f"--out {out}: the file must end in .parquet or .csv")
    made = api.cues(
        folder,
        which=None if which is None else [name.strip() for name in which.split(",") if name.strip()],
        measured=_by_modality(measured),
        affect=_models(affect),
        jobs=jobs,
        progress=progress(),
    )
    if out is not None:
        _save(made, out)
    _print(made, folder, out)


def _by_modality(given: Sequence[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for item in given:
        modality, _, file = item.partition("=")
        if modality not in ("text", "audio", "video") or not file:
            raise click.UsageError(f"--measured {item}: say of which modality, such as video={item}")
        found.setdefault(modality, []).append(Path(file))
    return found


def _models(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in given:
        modality, _, name = item.partition("=")
        if modality not in ("text", "audio") or not name:
            raise click.UsageError(f"--affect {item}: say of which modality, such as audio={item}")
        if modality in found:
            raise click.UsageError(f"--affect names two models for {modality}: {found[modality]} and {name}")
        found[modality] = name
    return found


def _save(made: Any, out: Path) -> None:
    from mixedsignals.store import atomic

    with atomic(out) as partial:
        if out.suffix == ".csv":
            made.table.write_csv(partial)
        else:
            made.table.write_parquet(partial)


def _print(made: Any, folder: Path, out: Path | None) -> None:
    from mixedsignals.api.cueing import reasons

    table, absent = made.table, reasons(made.absent)
    if STATE.json:
        print_json(
            {
                "cues": table["cue"].n_unique(),
                "clips": table["clip_id"].n_unique(),
                "rows": table.height,
                "measured": dict(made.measured),
                "from_cache": dict(made.reused),
                "absent": [vars(one) for one in made.absent],
                "out": None if out is None else str(out),
            }
        )
        return
    for name, now in made.measured.items():
        click.echo(f"{name}: {now:,} measured now, {made.reused[name]:,} from the cache")
    click.echo(f"{table['cue'].n_unique()} cues of {table['clip_id'].n_unique():,} clips")
    for reason, clips in absent[: None if STATE.verbose else _SHOWN]:
        click.echo(f"  absent, {clips:,} {'clip' if clips == 1 else 'clips'}: {reason}")
    if RunFolder(folder).exists():
        click.echo(f"Next: mixedsignals diagnose {folder}")
