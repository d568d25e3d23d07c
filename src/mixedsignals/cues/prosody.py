"""How something is said: pitch, loudness, rate, pauses and voice quality, measured with NumPy and SciPy alone.

Where the sound is silent, or nothing in it has a pitch, the cues that need it are absent, with the reason. What each
measure rests on, and how near it comes to Praat, stands in docs/cues.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from mixedsignals import media
from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.loudness import SILENT, block_loudness, gated_loudness
from mixedsignals.cues.pitch import PitchOptions, PitchTrack, track_pitch
from mixedsignals.cues.protocol import Measured
from mixedsignals.cues.rhythm import rhythm_of
from mixedsignals.cues.voice import cepstral_prominence, harmonicity, irregularity, spectral_balance
from mixedsignals.errors import InputError
from mixedsignals.sources import Source

__all__ = ["PROSODY_CUES", "Prosody", "sound_of"]

_VERSION = 1
_FEWEST_VOICED = 5

PROSODY_CUES = tuple(
    Cue(name, "audio", unit, meaning)
    for name, unit, meaning in (
        ("pitch_median", "semitones re 27.5 Hz", "median pitch of the voiced frames"),
        ("pitch_spread", "semitones", "standard deviation of pitch"),
        ("pitch_range", "semitones", "from the 5th to the 95th percentile of pitch"),
        ("pitch_slope", "semitones/s", "rise (or fall, below 0) of pitch over the clip"),
        ("loudness", "LUFS", "gated loudness, ITU-R BS.1770-4"),
        ("loudness_spread", "LU", "standard deviation of the loudness of 400 ms windows that are not silent"),
        ("loudness_peak", "LU", "the loudest 400 ms above the gated loudness"),
        ("speaking_rate", "syllables/s", "syllables per second from the first sound to the last"),
        ("articulation_rate", "syllables/s", "syllables per second of speech, pauses left out"),
        ("pause_share", "share", "pauses of .3 s or more, of the time from the first sound to the last"),
        ("pauses", "1/min", "number of these pauses per minute"),
        ("longest_pause", "s", "the longest of them, 0 where there is none"),
        ("speech_seconds", "s", "time that is speech"),
        ("voiced_share", "share", "frames with a pitch"),
        ("jitter", "%", "difference of neighbouring periods over their mean"),
        ("shimmer", "%", "difference of the height of neighbouring periods over its mean"),
        ("harmonicity", "dB", "ratio of harmonics to noise over voiced frames"),
        ("cepstral_peak", "dB", "prominence of the cepstral peak over voiced frames"),
        (
            "alpha_ratio",
            "dB",
            "energy of 50 to 1,000 Hz over 1 to 5 kHz, voiced frames (openSMILE: the other sign)",
        ),
        ("hammarberg", "dB", "strongest peak up to 2 kHz over that of 2 to 5 kHz, voiced frames"),
    )
)
_OF_VOICE = (
    *("pitch_median", "pitch_spread", "pitch_range", "pitch_slope", "jitter", "shimmer"),
    *("harmonicity", "cepstral_peak", "alpha_ratio", "hammarberg"),
)


@dataclass(frozen=True)
class Prosody:
    """The built-in measures of voice.

    Attributes:
        rate: samples per second at which everything is measured.
        most_seconds: of a clip that are listened to, from its start.
        pitch: options of the pitch tracker.
    """

    rate: int = 16_000
    most_seconds: float = 120.0
    pitch: PitchOptions = field(default_factory=PitchOptions)

    name = "prosody"
    modality = "audio"
    cues = PROSODY_CUES

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """See `Extractor`."""
        options = {f"pitch_{name}": value for name, value in asdict(self.pitch).items()}
        return {"version": _VERSION, "rate": self.rate, "most_seconds": self.most_seconds, **options}

    def measure(self, source: Source) -> Measured:
        """See `Extractor`."""
        samples = sound_of(source, self.rate, self.most_seconds)
        return samples if isinstance(samples, Measured) else self.of_sound(samples)

    def of_sound(self, samples: npt.NDArray[np.float32]) -> Measured:
        """The cues of mono sound (n,) at `rate` Hz."""
        blocks = block_loudness(samples, self.rate)
        loudness = gated_loudness(blocks)
        if loudness is None:
            return Measured(absent={"*": "the sound is silent"})
        track = track_pitch(samples, self.rate, self.pitch)
        heard = blocks[blocks > SILENT]
        values: dict[str, float | None] = {
            "loudness": loudness,
            "loudness_spread": float(heard.std()) if len(heard) > 1 else None,
            "loudness_peak": float(heard.max()) - loudness,
            "voiced_share": float(track.voiced.mean()) if len(track.times) else None,
        }
        absent: dict[str, str] = {}
        self._rhythm(samples, track, values, absent)
        if track.voiced.sum() < _FEWEST_VOICED:
            absent |= dict.fromkeys(_OF_VOICE, "nothing in the sound has a pitch")
        else:
            values |= self._voice(samples, track)
        for name, value in values.items():
            if value is None or not np.isfinite(value):
                absent[name] = "the clip has too little voice for it"
        return Measured({name: float(value) for name, value in values.items() if name not in absent}, absent)  # type: ignore[arg-type]

    def _rhythm(
        self,
        samples: npt.NDArray[np.float32],
        track: PitchTrack,
        values: dict[str, float | None],
        absent: dict[str, str],
    ) -> None:
        found = rhythm_of(samples, self.rate, track)
        names = (
            "speaking_rate",
            "articulation_rate",
            "pause_share",
            "pauses",
            "longest_pause",
            "speech_seconds",
        )
        if found is None:
            absent |= dict.fromkeys(names, "nothing sounds for a tenth of a second")
            return
        numbers = (
            found.syllables / found.seconds,
            found.syllables / found.speech,
            sum(found.pauses) / found.seconds,
            60 * len(found.pauses) / found.seconds,
            max(found.pauses, default=0.0),
            found.speech,
        )
        values |= dict(zip(names, numbers, strict=True))

    def _voice(self, samples: npt.NDArray[np.float32], track: PitchTrack) -> dict[str, float | None]:
        height = 12 * np.log2(track.frequency[track.voiced] / 27.5)
        times = track.times[track.voiced]
        low, high = np.quantile(height, [0.05, 0.95])
        jitter, shimmer = irregularity(samples, self.rate, track)
        alpha, hammarberg = spectral_balance(samples, self.rate, track)
        away = times - times.mean()
        return {
            "pitch_median": float(np.median(height)),
            "pitch_spread": float(height.std()),
            "pitch_range": float(high - low),
            "pitch_slope": float(away @ height / (away @ away)),
            "jitter": jitter,
            "shimmer": shimmer,
            "harmonicity": harmonicity(track),
            "cepstral_peak": cepstral_prominence(samples, self.rate, track),
            "alpha_ratio": alpha,
            "hammarberg": hammarberg,
        }


def sound_of(source: Source, rate: int, most_seconds: float) -> npt.NDArray[np.float32] | Measured:
    """The sound of a clip, or why it has none.

    Raises:
        InputError: media that cannot be read.
    """
    if source.path is None:
        return Measured(absent={"*": "no audio file is named"})
    try:
        return media.audio(
            source.path, start=source.start, end=source.end, rate=rate, max_seconds=most_seconds
        )
    except InputError as error:
        if {problem.code for problem in error.problems} <= {"no-audio-track", "no-audio-in-span"}:
            return Measured(absent={"*": "the file has no sound there"})
        raise
