"""The options of `mixedsignals probe` that concern real media: which clips are altered how, and a conflict corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mixedsignals.cli._columns import print_columns
from mixedsignals.cli._dominance import interval
from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress

if TYPE_CHECKING:
    import polars as pl

    from mixedsignals.api import MediaOptions

__all__ = ["MEDIA_PROBES", "media_of", "media_options", "media_rows", "print_conflicts", "print_media"]

F = TypeVar("F", bound=Callable[..., Any])

MEDIA_PROBES = (
    "media:swap",
    "media:mismatch",
    "media:mute",
    "media:freeze",
    "media:noise",
    "media:shift",
    "media:negate",
)
_PREFIX = "media:"
_MEASURES = {
    "follow_rate": "follow rate",
    "probe_change": "labels change",
    "excess:probe_change": "more than by writing anew",
    "probe_loss": "accuracy lost",
}
_SNR, _SHIFT = 10.0, 500.0
_OWN = ("limit", "shift", "noise")
_SHARED = ("partners", "snr", "seed", "sources")


def media_options(function: F) -> F:
    """`--media`, `--limit`, `--shift`, `--noise-kind`, `--conflicts`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option(
        "--media",
        is_flag=True,
        help="Alter real recordings and words instead of embeddings, and encode them anew (minutes): swap, mute, "
        "freeze, noise, shift and negate, or the `media:` probes named with --probe.",
    ),
    click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=0),
        show_default="60",
        help="Clips altered with --media or --conflicts at most, labels and speakers evenly; 0 for all.",
    ),
    click.option(
        "--shift",
        metavar="MS",
        type=float,
        show_default=f"{_SHIFT:g}",
        help="How much later the voice comes than the face (media:shift); below 0 earlier.",
    ),
    click.option(
        "--noise-kind",
        "noise",
        type=click.Choice(["white", "speech"]),
        show_default="white",
        help="Noise of media:noise: white, or with the spectrum of the clip's own sound.",
    ),
    click.option(
        "--conflicts",
        type=FOLDER,
        metavar="DIR",
        help="Ask nothing; write a corpus of films into DIR in which the voice of one clip goes with the face of "
        "another of the same speaker and another label, for any models and for people to judge. Needs no models: RUN "
        "may be a corpus.",
    ),
)


def media_of(given: dict[str, Any]) -> MediaOptions | None:
    """The options of real media out of those of the call, which lose what only concerns media; None without media."""
    from mixedsignals import api

    asked, own = bool(given.pop("media")), {name: given.pop(name) for name in _OWN}
    named = [name for name in given["probes"] if name.startswith(_PREFIX)]
    given["probes"] = tuple(name for name in given["probes"] if not name.startswith(_PREFIX))
    if not (asked or named):
        if stray := [name for name, value in own.items() if value is not None]:
            option = {"noise": "noise-kind"}.get(stray[0], stray[0])
            raise click.UsageError(f"--{option} goes with --media, --conflicts or a `media:` probe")
        return None
    _refuse_idle(own | {"snr": given["snr"]}, [*named, *given["probes"]] if named else [])
    ratios = (_SNR,) if given["snr"] is None else given["snr"]
    chosen: dict[str, Any] = {
        "partners": given["partners"],
        "seed": given["seed"],
        "sources": given["sources"] or None,
        "noise": own["noise"],
        "probes": tuple(_spelled(named or _default(), ratios, own["shift"] or _SHIFT)),
    }
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if own["limit"] is not None:
        chosen["clips"] = own["limit"] or None
    if not given["probes"]:  # the shared ones were meant for media
        given.update(dict.fromkeys(_SHARED))
    return api.MediaOptions(**chosen)


def _refuse_idle(given: dict[str, Any], named: Sequence[str]) -> None:
    """An option that none of the probes named would heed is a mistake."""
    heeded = {"shift": ("media:shift",), "noise": ("media:noise",), "snr": ("media:noise", "noise")}
    for option, probes in heeded.items():
        if given[option] is not None and named and not set(probes) & set(named):
            spelled = {"noise": "noise-kind"}.get(option, option)
            message = f"--{spelled} goes with {' or '.join(probes)}, which is not among the probes named"
            raise click.UsageError(message)


def _default() -> Sequence[str]:
    return [name for name in MEDIA_PROBES if name != "media:mismatch"]


def _spelled(names: Sequence[str], ratios: Sequence[float], shift: float) -> list[str]:
    """Names with their amounts."""
    found: list[str] = []
    for name in names:
        amounts = {"media:noise": [f":{one:g}" for one in ratios], "media:shift": [f":{shift:g}"]}
        found += [name + amount for amount in amounts.get(name, [""])]
    return found


def media_rows(estimates: pl.DataFrame) -> list[dict[str, Any]]:
    """One record per fusion, probe of real media and modality; each measure with its interval, or absent."""
    import polars as pl

    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in estimates.filter(pl.col("slice").str.starts_with(_PREFIX)).iter_rows(named=True):
        title = _MEASURES.get(row["measure"])
        probe, _, modality = row["slice"].rpartition("=")
        if title is not None and "~" not in row["source"]:
            first = {"fusion": row["source"], "probe": probe, "modality": modality}
            found = rows.setdefault((row["source"], probe, modality), first)
            found[title] = {end: row[end] for end in ("value", "low", "high")}
            found["clips"] = row["n_clips"]
    sources = list(dict.fromkeys(row["fusion"] for row in rows.values()))
    return sorted(rows.values(), key=lambda row: sources.index(row["fusion"]))


def print_media(rows: Sequence[dict[str, Any]]) -> None:
    """One line per fusion, probe and modality."""
    if not rows:
        return
    titles = tuple(_MEASURES.values())
    click.echo()
    print_columns(
        [
            {
                "fusion": row["fusion"],
                "on real media": row["probe"].removeprefix(_PREFIX),
                "modality": row["modality"],
                **{title: interval(row[title]) if title in row else "" for title in titles},
                "clips": str(row["clips"]),
            }
            for row in rows
        ]
    )
    click.echo(
        "Every probe is compared with the same clip written anew and not altered, and that (plain) with the run."
    )


def print_conflicts(folder: Path, out: Path, given: dict[str, Any], corpus: Path | None) -> None:
    """Write the conflict corpus and say what is in it."""
    from mixedsignals import api

    limit = 60 if given["limit"] is None else given["limit"] or None
    made = api.write_conflicts(
        folder,
        out,
        clips=limit,
        partners=given["partners"] or 1,
        seed=given["seed"] or 0,
        corpus=corpus,
        progress=progress(),
    )
    if STATE.json:
        print_json(made.record())
        return
    for line in made.sentences():
        click.echo(line)
    click.echo(f"Next: mixedsignals check {out}")
