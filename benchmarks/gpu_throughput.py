"""Base-size backbones on a GPU: bfloat16 and fused attention against the plain float32 loop of the paper's scripts.

    python -m benchmarks.gpu_throughput            needs a GPU; without one it says so and ends
    python -m benchmarks.gpu_throughput --tiny     tiny models on the CPU, to see that it runs; nothing is saved

VideoMAE-base (16 frames of 224 px), HuBERT-base (10 s) and RoBERTa-base (64 tokens) with random weights: no hub is
asked, and speed does not depend on what the weights are. Both loops train the last two layers and the head by AdamW on
the same batches of 8 in the same process, turn by turn, so that the ratio is one of one machine at one time. `replayed`
is the second loop with what frozen layers give kept, as tuning does it from the second epoch on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.results_file import print_table, save
from mixedsignals.encoders.huggingface.perclip import per_clip
from mixedsignals.encoders.tuning.huggingface import StackedNetwork, TextNetwork, WaveNetwork
from mixedsignals.encoders.tuning.network import Item, Network

BATCH = 8
TURNS, STEPS = 5, 10
SECONDS, FRAMES, TOKENS = 10, 16, 64


@dataclass(frozen=True)
class Case:
    """A backbone: how it is built, and what a clip is to it."""

    name: str
    build: Callable[[str], Any]
    payload: Callable[[np.random.Generator], Any]
    network: Callable[[Any], Network]


def cases(*, tiny: bool) -> list[Case]:
    """The three backbones; `tiny` ones of the same classes."""
    import transformers

    small: dict[str, Any] = (
        {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
        if tiny
        else {}
    )
    side, frames = (32, 4) if tiny else (224, FRAMES)
    seconds = 1 if tiny else SECONDS
    narrow: dict[str, Any] = {"conv_dim": (16,) * 7} if tiny else {}
    sizes = {"image_size": side, "num_frames": frames}

    def made(form: Any, config: Any) -> Callable[[str], Any]:
        def build(attention: str) -> Any:
            torch.manual_seed(0)
            return form.from_config(config, attn_implementation=attention)

        return build

    return [
        Case(
            "VideoMAE-base",
            made(transformers.AutoModelForVideoClassification, transformers.VideoMAEConfig(**sizes, **small)),
            lambda random: random.normal(size=(frames, 3, side, side)).astype(np.float32),
            StackedNetwork,
        ),
        Case(
            "HuBERT-base",
            made(transformers.AutoModelForAudioClassification, transformers.HubertConfig(**small, **narrow)),
            lambda random: (random.normal(size=16_000 * seconds).astype(np.float32), 16_000 * seconds),
            lambda model: WaveNetwork(model, per_clip(model.base_model)),
        ),
        Case(
            "RoBERTa-base",
            made(
                transformers.AutoModelForSequenceClassification,
                transformers.RobertaConfig(
                    vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, **small
                ),
            ),
            lambda random: random.integers(5, 1000, TOKENS).tolist(),
            lambda model: TextNetwork(model, 1),
        ),
    ]


class Loop:
    """A training loop over one batch, timed by the turn."""

    def __init__(self, case: Case, device: str, *, attention: str, half: bool, replays: bool = False) -> None:
        self.device, self.half = device, half
        random = np.random.default_rng(0)
        model = case.build(attention)
        self.network = case.network(model)
        # The paper's scripts call train() on the whole model: dropout is on in frozen layers too.
        self.network.learn("last2", lora_rank=8, frozen_dropout=not replays)
        self.network.to(device)
        payloads = [case.payload(random) for _ in range(BATCH)]
        items = [Item(payload, self.network.outline(payload)) for payload in payloads]
        if replays:
            self.network.eval()
            inner = self.network.enters(items)
            self.network.replaying()
            items = [Item(None, item.outline, kept) for item, kept in zip(items, inner, strict=True)]
        self.batch = self.network.collate(items)
        self.labels = torch.arange(BATCH) % 2
        self.adam = torch.optim.AdamW(list(self.network.learning().values()), lr=5e-6)
        self.network.train()

    def steps(self, n: int) -> float:
        """Seconds of n steps, the way of the batch to the device included."""
        waited(self.device)
        began = time.perf_counter()
        for _ in range(n):
            batch: dict[str, Tensor] = {name: value.to(self.device) for name, value in self.batch.items()}
            with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.half):
                logits = self.network(**batch)
            loss = torch.nn.functional.cross_entropy(logits.float(), self.labels.to(self.device))
            loss.backward()
            self.adam.step()
            self.adam.zero_grad(set_to_none=True)
        waited(self.device)
        return time.perf_counter() - began


def waited(device: str) -> None:
    """Let the GPU finish."""
    if device == "cuda":
        torch.cuda.synchronize()


def peak(loop: Loop) -> float:
    """Gigabytes that steps of this loop take at most, with all that it holds; NaN where it cannot be told."""
    if loop.device != "cuda":
        return float("nan")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    loop.steps(2)
    return torch.cuda.max_memory_allocated() / 1e9


def measured(case: Case, device: str, *, turns: int, steps: int) -> list[dict[str, Any]]:
    """One row per loop: clips a second (median of the turns), memory, and the ratio to the plain loop."""
    kinds = {
        "float32, plain attention": {"attention": "eager", "half": False},
        "bfloat16, fused attention": {"attention": "sdpa", "half": True},
        "bfloat16, fused, replayed": {"attention": "sdpa", "half": True, "replays": True},
    }
    memory = {}
    for name, kind in kinds.items():  # one after another: memory is of one loop alone
        alone = Loop(case, device, **kind)
        memory[name] = peak(alone)
        del alone
    loops = {name: Loop(case, device, **kind) for name, kind in kinds.items()}
    for loop in loops.values():
        loop.steps(2)
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(turns):
        for name, loop in loops.items():
            seconds[name].append(loop.steps(steps))
    speed = {name: BATCH * steps / float(np.median(found)) for name, found in seconds.items()}
    plain = next(iter(kinds))
    return [
        {
            "backbone": case.name,
            "loop": name,
            "clips a second": round(speed[name], 2),
            "times the plain loop": round(speed[name] / speed[plain], 2),
            "peak memory, GB": round(memory[name], 2),
        }
        for name in kinds
    ]


def main() -> None:
    """Measure, print and save."""
    tiny = "--tiny" in sys.argv[1:]
    if not tiny and not torch.cuda.is_available():
        print("left out: no GPU here")
        return
    device = "cuda" if torch.cuda.is_available() and not tiny else "cpu"
    turns, steps = (2, 1) if tiny else (TURNS, STEPS)
    rows = [row for case in cases(tiny=tiny) for row in measured(case, device, turns=turns, steps=steps)]
    print_table(rows)
    if not tiny:
        about = {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "batch": BATCH}
        print(f"{about['gpu']}; saved {save('gpu_throughput', rows, **about).name}")


if __name__ == "__main__":
    main()
