"""The verb `curriculum`: the clips of a run in an order for training, by how a source learned them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import polars as pl

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.store import RunFolder

__all__ = ["Order", "curriculum"]

Order = Literal["easy-first", "hard-first", "ambiguous-first"]

_BY: dict[str, tuple[str, bool]] = {
    "easy-first": ("confidence", True),
    "hard-first": ("confidence", False),
    "ambiguous-first": ("variability", True),
}


def curriculum(run: Path | str, *, source: str | None = None, order: Order = "easy-first") -> pl.DataFrame:
    """An order of the clips that a run trained on.

    Easy first is Bengio et al.'s curriculum (2009) by the source's own confidence; ambiguous first puts the clips ahead
    on which it wavered most, which taught most in Swayamdipta et al. (2020).

    Args:
        run: the folder of a run whose training dynamics were kept; it need not have been diagnosed.
        source: whose map decides; None means the fused one, or the only one.
        order: `easy-first`, `hard-first` or `ambiguous-first`.

    Returns:
        position (from 0), clip_id, label (the target, if any), source, confidence, variability, correctness,
        forgotten (events per training, null where the clip was never right), region (`easy`, `ambiguous`, `hard`).
        Equal clips stand in the order of their ids.

    Raises:
        InputError: the folder is no run.
        UsageError: another order, or a source that has no dynamics.
        CannotFinish: the run kept no dynamics.
    """
    from mixedsignals.api.diagnosing import case_of_run
    from mixedsignals.diagnosis import NotApplicable
    from mixedsignals.diagnosis.maps import maps_of
    from mixedsignals.measures.dynamics import regions

    if order not in _BY:
        raise UsageError(f"order is {order!r}; it must be one of {', '.join(_BY)}")
    case = case_of_run(RunFolder(Path(run)))
    try:
        maps = maps_of(case)
    except NotApplicable as reason:
        raise CannotFinish(f"{run}: {reason} Train with `mixedsignals fit` or `run`.") from reason
    name = source or (case.options.fusion if case.options.fusion in maps else next(iter(maps)))
    if name not in maps:
        raise UsageError(f"{name!r} has no training dynamics; there are those of {', '.join(maps)}")
    chosen = maps[name]
    names = pl.Series([*case.labels.names, None], dtype=pl.String)
    table = pl.DataFrame(
        {
            "clip_id": case.clip_ids,
            "label": names.gather([code if code >= 0 else len(case.labels) for code in case.target.tolist()]),
            "source": [name] * len(case),
            "confidence": chosen.mapped.confidence,
            "variability": chosen.mapped.variability,
            "correctness": chosen.mapped.correctness,
            "forgotten": chosen.forgotten,
            "region": regions(chosen.mapped),
        }
    ).fill_nan(None)
    words = {1.0: "easy", 0.0: "ambiguous", -1.0: "hard"}
    by, descending = _BY[order]
    return (
        table.drop_nulls("confidence")
        .with_columns(pl.col("region").replace_strict(words, return_dtype=pl.String))
        .sort([by, "clip_id"], descending=[descending, False])
        .with_row_index("position")
        .with_columns(pl.col("position").cast(pl.Int64))
    )
