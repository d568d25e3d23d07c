"""Text, audio, video and image models of Transformers as they learn: `AutoModelFor…Classification`, as in the paper.

The head is always a new one, drawn with the seed; the backbone is the pretrained one. Frozen layers can be skipped
without knowing the architecture: those below the first learning layer hand on what they are given, and what enters
that layer is put in its place (see `_Skip`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixedsignals.encoders.huggingface.audio import AudioEncoder
from mixedsignals.encoders.huggingface.loading import load_part, quiet, sees_clips
from mixedsignals.encoders.huggingface.perclip import per_clip
from mixedsignals.encoders.huggingface.text import TextEncoder
from mixedsignals.encoders.huggingface.video import VideoEncoder
from mixedsignals.encoders.tuning.network import Item, Network, padded
from mixedsignals.errors import UsageError

__all__ = ["HuggingFaceEncoder", "classifier", "huggingface_network"]

HuggingFaceEncoder = TextEncoder | AudioEncoder | VideoEncoder


def huggingface_network(encoder: HuggingFaceEncoder, labels: Sequence[str]) -> Network:
    """The network that learns, over the backbone that the encoder has loaded; its head is drawn from torch's generator.

    Raises:
        UsageError: Transformers has no classification model over this type.
    """
    model = classifier(encoder, labels)
    if isinstance(encoder, TextEncoder):
        return TextNetwork(model, encoder.tokenizer.pad_token_id or 0)
    kind = model.config.model_type
    if isinstance(encoder, AudioEncoder):
        if (convolutions := per_clip(_base(model))) is not None:
            return WaveNetwork(model, convolutions)
        return StackedNetwork(model)
    return StackedNetwork(model, pictures=not sees_clips(kind))


def classifier(encoder: HuggingFaceEncoder, labels: Sequence[str]) -> Any:
    """A classification model of Transformers with the encoder's backbone and a new head for these labels."""
    import transformers

    pretrained = encoder.model
    kinds = {
        "text": transformers.AutoModelForSequenceClassification,
        "audio": transformers.AutoModelForAudioClassification,
        "video": transformers.AutoModelForVideoClassification,
        "pictures": transformers.AutoModelForImageClassification,
    }
    modality = encoder.card.modality
    kind = pretrained.config.model_type
    form = kinds["pictures" if modality == "video" and not sees_clips(kind) else modality]

    def build() -> Any:
        config = transformers.AutoConfig.from_pretrained(
            encoder.local.folder, local_files_only=True, trust_remote_code=False
        )
        config.num_labels = len(labels)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: at for at, label in enumerate(labels)}
        return form.from_config(config, dtype=torch.float32)

    if type(pretrained.config) not in form._model_mapping:
        raise UsageError(
            f"Transformers has no classification model over {kind!r}, so {encoder.card.encoder} cannot be tuned; name "
            "another encoder, or --tune frozen."
        )
    model = load_part(encoder.local, build)
    with quiet():
        missing, _ = _base(model).load_state_dict(_plain_state(pretrained), strict=False)
    lost = [name for name in missing if "pooler" not in name]
    if lost:
        raise UsageError(
            f"{encoder.card.encoder}: the classification model of Transformers has a backbone of its own "
            f"({lost[0]} is not in the encoder), so it cannot be tuned; name another encoder, or --tune frozen."
        )
    return model


def _plain_state(pretrained: nn.Module) -> dict[str, Tensor]:
    """Tensors of an encoder's network, named as before `PerClip` stood in its way."""
    return {name.replace("feature_extractor.inner.", "feature_extractor."): value
            for name, value in pretrained.state_dict().items()}  # fmt: skip


def _base(model: Any) -> Any:
    """The backbone inside a classification model: of Whisper the encoder, else what the class names its base."""
    return model.encoder if model.config.model_type == "whisper" else model.base_model


class _Skip(nn.Module):  # type: ignore[misc]
    """A layer that hands on what it is given, in the form in which its kind of layer gives it."""

    def __init__(self, width: int | None) -> None:
        super().__init__()
        self._width = width

    def forward(self, given: Tensor, *_: Any, **__: Any) -> Any:
        return given if self._width is None else (given, *(None,) * (self._width - 1))


class _NoSound(nn.Module):  # type: ignore[misc]
    """Stands for the convolutions of a waveform model: zeros of the right shape."""

    def __init__(self, channels: int, frames: Any) -> None:
        super().__init__()
        self._channels, self._frames = channels, frames

    def forward(self, waves: Tensor) -> Tensor:
        n, samples = waves.shape
        return waves.new_zeros(n, self._channels, int(self._frames(samples)))


class HuggingFaceNetwork(Network):
    """A classification model of Transformers."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._inner: Tensor | None = None
        self._caught: Tensor | None = None
        self._form: int | None = None

    def backbone(self) -> Any:
        return _base(self.model)

    def head(self) -> dict[str, nn.Parameter]:
        """What is not the backbone, and a pooler inside it (of BERT): both are trained with the task alone."""
        base = {
            id(parameter) for name, parameter in self.backbone().named_parameters() if "pooler" not in name
        }
        return {name: value for name, value in self.model.named_parameters() if id(value) not in base}

    def forward(self, inner: Tensor | None = None, **inputs: Any) -> Tensor:
        """Logits (n, labels)."""
        self._inner = inner
        logits: Tensor = self.logits(**inputs)
        self._inner = None
        return logits

    def logits(self, **inputs: Any) -> Tensor:
        """What the model says."""
        found: Tensor = self.model(**inputs).logits
        return found

    def enters(self, items: Sequence[Item]) -> list[Tensor]:
        """Caught on its way into the first learning layer."""
        assert self.first is not None
        layer = self.layers()[self.first]
        device = next(layer.parameters()).device
        hooks = [
            layer.register_forward_pre_hook(self._catch, with_kwargs=True),
            layer.register_forward_hook(self._look),
        ]
        try:
            with torch.no_grad():
                self(**{name: value.to(device) for name, value in self.collate(items).items()})
        finally:
            for hook in hooks:
                hook.remove()
        caught, self._caught = self._caught, None
        assert caught is not None
        return self.parted(caught, items)

    def parted(self, caught: Tensor, items: Sequence[Item]) -> list[Tensor]:
        """One tensor a clip, without padding."""
        raise NotImplementedError

    def replaying(self) -> None:
        layers, first = self.layers(), self.first
        assert first is not None
        for at in range(first):
            layers[at] = _Skip(self._form)
        layers[first].register_forward_pre_hook(self._put, with_kwargs=True)

    def _catch(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._caught = args[0] if args else kwargs["hidden_states"]

    def _look(self, _: nn.Module, __: Any, output: Any) -> None:
        self._form = len(output) if isinstance(output, tuple) else None

    def _put(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._inner is None:
            return None
        if args:
            return (self._inner, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": self._inner}


class TextNetwork(HuggingFaceNetwork):
    """A text model; padding has the tokenizer's own id and is masked."""

    def __init__(self, model: Any, padding: int) -> None:
        super().__init__(model)
        self._padding = padding

    def outline(self, payload: Any) -> tuple[int, ...]:
        return tuple(payload)

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        rows = [torch.tensor(item.outline, dtype=torch.int64) for item in items]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self._padding)
        mask = padded([torch.ones_like(row) for row in rows])
        return {"input_ids": ids, "attention_mask": mask, **_inner(items)}

    def parted(self, caught: Tensor, items: Sequence[Item]) -> list[Tensor]:
        return [states[: len(item.outline)].cpu() for states, item in zip(caught, items, strict=True)]


class WaveNetwork(HuggingFaceNetwork):
    """A waveform model: padded and masked, its convolutions on each clip by itself."""

    def __init__(self, model: Any, convolutions: Any) -> None:
        super().__init__(model)
        self._convolutions = [convolutions]  # in a list, so that it is not registered twice

    def outline(self, payload: Any) -> tuple[int, ...]:
        return (len(payload[0]),)

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        lengths = torch.tensor([item.outline[0] for item in items])
        mask = (torch.arange(int(lengths.max()))[None, :] < lengths[:, None]).long()
        if items[0].inner is not None:
            values = torch.zeros(mask.shape)
        else:
            values = padded([torch.from_numpy(np.asarray(item.payload[0])) for item in items])
        return {"input_values": values, "attention_mask": mask, **_inner(items)}

    def logits(self, **inputs: Any) -> Tensor:
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        with self._convolutions[0].of(lengths):
            return super().logits(**inputs)

    def parted(self, caught: Tensor, items: Sequence[Item]) -> list[Tensor]:
        lengths = torch.tensor([item.outline[0] for item in items])
        frames = self.backbone()._get_feat_extract_output_lengths(lengths).tolist()
        return [states[:n].cpu() for states, n in zip(caught, frames, strict=True)]

    def replaying(self) -> None:
        super().replaying()
        base = self.backbone()
        channels = base.config.conv_dim[-1]
        self._convolutions[0].inner = _NoSound(channels, base._get_feat_extract_output_lengths)


class StackedNetwork(HuggingFaceNetwork):
    """Clips of one shape: a video model, a spectrogram model, or an image model on every frame (mean of the logits)."""

    def __init__(self, model: Any, *, pictures: bool = False) -> None:
        super().__init__(model)
        self._pictures = pictures

    def outline(self, payload: Any) -> tuple[int, ...]:
        return tuple(_values(payload).shape)

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        if items[0].inner is not None:
            values = torch.zeros(len(items), *items[0].outline)
        else:
            values = torch.from_numpy(np.stack([_values(item.payload) for item in items]))
        return {"values": values, **_inner(items)}

    def forward(self, inner: Tensor | None = None, **inputs: Any) -> Tensor:
        if inner is not None and self._pictures:
            inner = inner.flatten(0, 1)
        return super().forward(inner, **inputs)

    def logits(self, **inputs: Any) -> Tensor:
        values = inputs["values"]
        n = len(values)
        found = super().logits(
            **{self.model.main_input_name: values.flatten(0, 1) if self._pictures else values}
        )
        return found.unflatten(0, (n, -1)).mean(dim=1) if self._pictures else found

    def parted(self, caught: Tensor, items: Sequence[Item]) -> list[Tensor]:
        rows = caught.unflatten(0, (len(items), -1)) if self._pictures else caught
        return [row.cpu() for row in rows]


def _values(payload: Any) -> Any:
    """Video payloads are arrays; audio payloads are an array and a length."""
    return payload[0] if isinstance(payload, tuple) else payload


def _inner(items: Sequence[Item]) -> dict[str, Tensor]:
    rows = [item.inner for item in items if item.inner is not None]
    return {"inner": padded(rows)} if rows else {}
