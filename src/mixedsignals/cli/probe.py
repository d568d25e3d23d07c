"""`mixedsignals probe`: the heads of a run are asked whom they follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._probe_media import (
    MEDIA_PROBES,
    media_of,
    media_options,
    media_rows,
    print_conflicts,
    print_media,
)
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb
from mixedsignals.probe_options import PROBES, ProbeOptions
from mixedsignals.store import RunFolder

CODES = ("MS904", "MS905", "MS906", "MS907", "MS910", "MS911", "MS912", "MS913", "MS914", "MS915")
"""Checks that read what probes wrote."""

_DEFAULT = ProbeOptions()


@verb("probe", example="mixedsignals probe RUN    or    mixedsignals probe RUN --media --limit 30")
@click.argument("run", type=FOLDER)
@click.option(
    "--probe",
    "probes",
    multiple=True,
    type=click.Choice([*PROBES, *MEDIA_PROBES]),
    metavar="NAME",
    help="What to ask; may be repeated. Without it everything: "
    + "; ".join(f"{n}: {t}" for n, t in PROBES.items())
    + f". On real media: {', '.join(MEDIA_PROBES)}.",
)
@click.option(
    "--partners",
    metavar="N",
    type=click.IntRange(min=1),
    show_default=f"{_DEFAULT.partners}; of real media 1",
    help="Clips that lend a clip one of their modalities, at most.",
)
@click.option(
    "--snr",
    metavar="DB,DB,…",
    show_default=",".join(f"{ratio:g}" for ratio in _DEFAULT.snr) + "; of real media 10",
    help="Signal-to-noise ratios of the noise probes.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    help="The fusion to ask; may be repeated. Without it `fusion` and the second one.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    show_default=str(_DEFAULT.seed),
    help="Seed of partners, donors, noise and permutations.",
)
@media_options
@click.option(
    "--corpus", type=FOLDER, metavar="FOLDER", help="Where the run's corpus lies now, if it was moved."
)
@click.option("--no-report", is_flag=True, help="Leave the report as it is.")
def command(run: Path, corpus: Path | None, no_report: bool, **given: Any) -> None:
    """Ask the trained heads of RUN whom they follow: voice, face or words.

    Every clip is asked about by heads that never saw it, from embeddings (seconds): with modalities left out, with one
    lent by a clip of another label, with noise. The answers go into the tables of RUN, which is diagnosed and reported
    again. Options are kept in run.toml: `mixedsignals probe RUN` alone asks again what was asked before.

    With --media recordings and words themselves are altered, which takes minutes; --conflicts writes films for
    people and for other models.
    """
    from mixedsignals import api
    from mixedsignals.cli._summary import print_report

    given["snr"] = None if given["snr"] is None else _ratios(given["snr"])
    if (out := given.pop("conflicts")) is not None:
        print_conflicts(run, out, given, corpus)
        return
    media = media_of(given)
    options = _options(given)
    api.probe(
        run, options=options, media=media, corpus=corpus, with_report=not no_report, progress=progress()
    )
    folder = RunFolder(run)
    _print(folder)
    if not no_report:
        print_report(folder.report / "index.html")


def _print(folder: RunFolder) -> None:
    """Per fusion and modality its Shapley value, follow rate and what the finder found; then the gravest findings."""
    import polars as pl

    from mixedsignals.cli._dominance import dominance_rows, print_dominance
    from mixedsignals.cli._summary import print_findings

    estimates, findings = (pl.read_parquet(folder.table(name)) for name in ("estimates", "findings"))
    rows, findings = dominance_rows(estimates), findings.filter(pl.col("code").is_in(CODES))
    if STATE.json:
        asked = folder.read_manifest().get("probe", [])
        page = folder.report / "index.html"
        where = {"run": str(folder.path), "report": str(page) if page.is_file() else None}
        print_json(
            {
                **where,
                "asked": asked,
                "dominance": rows,
                "media": media_rows(estimates),
                "findings": findings.to_dicts(),
            }
        )
        return
    print_dominance(rows)
    print_media(media_rows(estimates))
    print_findings(findings)


def _options(given: dict[str, Any]) -> ProbeOptions | None:
    """The options of the call; None where nothing was given, so that what was asked before is asked again."""
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    return ProbeOptions(**chosen) if chosen else None


def _ratios(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(",") if number.strip())
    except ValueError:
        message = f"{text!r} is not a list of numbers of dB such as 20,10"
        raise click.BadParameter(message, param_hint="--snr") from None
