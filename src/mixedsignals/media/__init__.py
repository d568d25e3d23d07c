"""Takes paths of recordings, and no table, and is the only part that decodes them, in bounded memory.

Gives arrays of sound and pictures, what a file holds, everything that is wrong with it, and copies that browsers play.
"""

from mixedsignals.media.altering import Change, Freeze, alter
from mixedsignals.media.altering_fit import Fit, fitted
from mixedsignals.media.altering_sound import Noise, NoiseKind
from mixedsignals.media.opening import TOLERANCE
from mixedsignals.media.pictures import frames
from mixedsignals.media.probing import MediaInfo, playable, probe
from mixedsignals.media.sound import audio
from mixedsignals.media.whole import verify
from mixedsignals.media.withholding import Part, SoundTreatment, withhold
from mixedsignals.media.writing import transcode, write_audio, write_video

__all__ = [
    "TOLERANCE",
    "Change",
    "Fit",
    "Freeze",
    "MediaInfo",
    "Noise",
    "NoiseKind",
    "Part",
    "SoundTreatment",
    "alter",
    "audio",
    "fitted",
    "frames",
    "playable",
    "probe",
    "transcode",
    "verify",
    "withhold",
    "write_audio",
    "write_video",
]
