"""Takes the table `clips` and the media and words that it names, or measurements that were made elsewhere.

Gives the table `cues`, what can be heard, seen and read in each clip, and why a clip lacks some of it.
"""

from mixedsignals.cues.affect import Affect
from mixedsignals.cues.cache import CueCache
from mixedsignals.cues.catalogue import Cue, known_cues
from mixedsignals.cues.extracting import Cues, extract
from mixedsignals.cues.protocol import Absence, Extractor, Measured
from mixedsignals.cues.registry import EXTRACTORS, find_extractors
from mixedsignals.cues.tables import read_measured

__all__ = [
    "EXTRACTORS",
    "Absence",
    "Affect",
    "Cue",
    "CueCache",
    "Cues",
    "Extractor",
    "Measured",
    "extract",
    "find_extractors",
    "known_cues",
    "read_measured",
]
