"""`mixedsignals run`: the whole line, or the exact repetition of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER, media_option, out_option, run_options, training_options
from mixedsignals.cli._verb import progress, verb


@verb("run", example="mixedsignals run CORPUS --out RUN    or    mixedsignals run RUN/run.toml --out RUN2")
@click.argument("corpus", type=FOLDER)
@out_option
@media_option
@training_options
def command(corpus: Path, out: Path, media: Any, **options: Any) -> None:
    """Encode, fit, diagnose and report on the folder CORPUS.

    The same command goes on where an earlier one stopped. A CORPUS that is the run.toml of a run repeats that run with
    all its options. The steps can be called alone: encode, fit, diagnose, report.
    """
    from mixedsignals import api
    from mixedsignals.cli._summary import print_run

    if corpus.suffix == ".toml":
        context = click.get_current_context()
        given = sorted(name for name in options if context.get_parameter_source(name) is not _default())
        if given:
            raise click.UsageError(
                f"{corpus} brings its own options; leave out --{', --'.join(given).replace('_', '-')}"
            )
        folder = api.repeat(corpus, out, media=media, progress=progress())
    else:
        folder = api.run(corpus, out, options=run_options(options), media=media, progress=progress())
    print_run(folder, report=folder.report / "index.html")


def _default() -> click.core.ParameterSource:
    return click.core.ParameterSource.DEFAULT
