"""`mixedsignals encode`: embeddings into the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER, encoding_options, run_options
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb


@verb("encode", example="mixedsignals encode CORPUS --encoders audio=facebook/hubert-base-ls960")
@click.argument("corpus", type=FOLDER)
@encoding_options
def command(corpus: Path, **options: Any) -> None:
    """Encode the clips of CORPUS into the cache, where `run` and `fit` find them."""
    from mixedsignals import api
    from mixedsignals.api.corpora import checked
    from mixedsignals.api.newclips import IRRELEVANT

    bars = progress()
    encoded = api.encode(
        checked(corpus, ignore=IRRELEVANT, progress=bars), options=run_options(options), progress=bars
    )
    rows = {
        modality: {
            "encoder": result.embeddings.card.encoder,
            "clips": len(result.embeddings),
            "width": result.embeddings.width,
            "absent": len(result.absent),
            "encoded": result.encoded,
            "from_cache": result.reused,
        }
        for modality, result in encoded.items()
    }
    if STATE.json:
        print_json(rows)
        return
    for modality, row in rows.items():
        click.echo(
            f"{modality}: {row['clips']} clips by {row['encoder']} (width {row['width']}); "
            f"{row['encoded']} encoded now, {row['from_cache']} from the cache, {row['absent']} without {modality}"
        )
