"""Names as numbers: which of a list of names each value of a column is, in one pass and few bytes a row.

Tables carry names; arrays need positions. Everything that aligns tables with arrays goes through here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["Codes", "codes_of", "positions"]

Codes = npt.NDArray[np.signedinteger]


def codes_of(values: pl.Series, names: pl.Enum) -> Codes:
    """Positions in `names` of the values (n,), as small a whole number as holds them; −1 where null or not there."""
    dtype = pl.Int8 if len(names.categories) < 128 else pl.Int32
    physical = values.cast(names, strict=False).to_physical()
    return physical.cast(dtype).fill_null(-1).to_numpy()


def positions(ids: Mapping[str, pl.Series]) -> tuple[pl.Series, dict[str, Codes]]:
    """All distinct ids of several columns in the order of their first row, and each column as positions among them."""
    known = pl.Series("clip_id", [], dtype=pl.String)
    found: dict[str, Codes] = {}
    for name, column in ids.items():
        codes = codes_of(column, pl.Enum(known)).astype(np.int32, copy=False)
        if (strange := np.flatnonzero(codes < 0)).size:
            rest = column.gather(strange)
            fresh = rest.unique(maintain_order=True)
            codes = np.array(codes)
            codes[strange] = codes_of(rest, pl.Enum(fresh)) + np.int32(len(known))
            known = pl.concat([known, fresh.alias("clip_id")])
        found[name] = codes
    return known.rechunk(), found
