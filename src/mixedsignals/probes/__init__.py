"""Takes `clips` with their media, and pairs of them in which one lends the other a modality.

Gives recordings and transcripts altered in one stated way each, for models to be asked again and for people to judge.
"""

from mixedsignals.probes.films import Film, FilmOptions, Films, disk_use, make_films
from mixedsignals.probes.kinds import DEFAULT_PROBES, PLAIN, Probe, parse_probe
from mixedsignals.probes.negation import Negated, negate, negate_all
from mixedsignals.probes.splices import SPLICES, Splice, Writing, write_splices
from mixedsignals.probes.versions import LeftOut, Pairs, Source, Version, plan_versions, stratified

__all__ = [
    "DEFAULT_PROBES",
    "PLAIN",
    "SPLICES",
    "Film",
    "FilmOptions",
    "Films",
    "LeftOut",
    "Negated",
    "Pairs",
    "Probe",
    "Source",
    "Splice",
    "Version",
    "Writing",
    "disk_use",
    "make_films",
    "negate",
    "negate_all",
    "parse_probe",
    "plan_versions",
    "stratified",
    "write_splices",
]
