"""What a face does: 478 landmarks and 52 expression coefficients of MediaPipe's models, run without MediaPipe.

MediaPipe itself reports its use to its maker, and this package reports nothing to anybody; so the three networks in its
model file are run by LiteRT alone. What their outputs mean, and how near they come to MediaPipe, is in docs/cues.md.
"""

from mixedsignals.cues.face.extractor import FACE_CUES, Face

__all__ = ["FACE_CUES", "Face"]
