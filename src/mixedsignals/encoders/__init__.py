"""Takes a `clips` table, with the media and transcripts that it names, or ready-made features.
Gives embeddings: one float32 row per clip that has the modality, with a card; the other clips are listed with reasons.
"""

from mixedsignals.encoders.catalogue import WEIGHTS
from mixedsignals.encoders.encoding import Encoded, encode
from mixedsignals.encoders.protocol import Encoder, EncoderFactory, EncoderRequest, Prepared
from mixedsignals.encoders.registry import BUILT_IN, PRESETS, find_encoder
from mixedsignals.encoders.transcribing import transcribe
from mixedsignals.encoders.weights import WeightStatus, fetch_weights, weights_status
from mixedsignals.features import read_features
from mixedsignals.sources import Absent, Source

__all__ = [
    "BUILT_IN",
    "PRESETS",
    "WEIGHTS",
    "Absent",
    "Encoded",
    "Encoder",
    "EncoderFactory",
    "EncoderRequest",
    "Prepared",
    "Source",
    "WeightStatus",
    "encode",
    "fetch_weights",
    "find_encoder",
    "read_features",
    "transcribe",
    "weights_status",
]
