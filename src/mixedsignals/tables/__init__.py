"""The tables that cross every door, declared once: columns, types, units, legal values and meaning.

Every table is long (one row per fact), has a stated key and no index. Documentation, checks and the schema version in
the Parquet files are made from the declarations below. Keys and labels are strings; only an empty cell is missing.
"""

from mixedsignals.tables.column import Column, Table
from mixedsignals.tables.declared import (
    CLIPS,
    CUES,
    DYNAMICS,
    ESTIMATES,
    FINDINGS,
    GATES,
    PREDICTIONS,
    PROBES,
    SCORES,
    SPLITS,
    TABLES,
    TARGETS,
    VOTES,
)
from mixedsignals.tables.examine import conform, examine, frame_of, hashes_of
from mixedsignals.tables.files import read_frame, read_table, write_table

__all__ = [
    "CLIPS",
    "CUES",
    "DYNAMICS",
    "ESTIMATES",
    "FINDINGS",
    "GATES",
    "PREDICTIONS",
    "PROBES",
    "SCORES",
    "SPLITS",
    "TABLES",
    "TARGETS",
    "VOTES",
    "Column",
    "Table",
    "conform",
    "examine",
    "frame_of",
    "hashes_of",
    "read_frame",
    "read_table",
    "write_table",
]
