"""The cache on disk: damage, kills, and several processes at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from encoder_fakes import WIDTH, CountingEncoder, vector_of

from mixedsignals.embeddings import Card
from mixedsignals.encoders.cache import EmbeddingCache, Entry
from mixedsignals.errors import CannotFinish

CARD = Card("text", "counting", "1", "none", "none", {"max_tokens": 8})
WORKER = """
import sys
from pathlib import Path
import polars as pl
sys.path.insert(0, sys.argv[1])
from encoder_fakes import CountingEncoder
from mixedsignals.encoders import encode, registry
encoder = CountingEncoder(seconds=float(sys.argv[3]))
registry.BUILT_IN["counting"] = ("text", lambda request, cache: encoder)
words = [f"words {at}" for at in range(int(sys.argv[4]))]
clips = pl.DataFrame({"clip_id": words, "transcript": words})
cache = Path(sys.argv[2])
found = encode(clips, cache, "text", "counting", cache=cache, device="cpu")
found.embeddings.save(Path(sys.argv[5]))
print(found.encoded, found.reused)
"""


def entry(value: float) -> Entry:
    return Entry(np.full(WIDTH, value, dtype=np.float32))


def shards(cache: EmbeddingCache) -> list[Path]:
    return sorted(cache.folder.glob("[!.]*.npz"))


def start(cache: Path, out: Path, *, seconds: float, n: int) -> subprocess.Popen[str]:
    arguments = [str(Path(__file__).parent), str(cache), str(seconds), str(n), str(out)]
    return subprocess.Popen([sys.executable, "-c", WORKER, *arguments], stdout=subprocess.PIPE, text=True)


def test_what_is_added_is_found_by_another_object(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path, CARD).add({"a": entry(1), "b": Entry(None, lacking="no sound"), "c": entry(3)})
    found = EmbeddingCache(tmp_path, CARD).find(["a", "b", "d"])
    assert set(found) == {"a", "b"}
    assert found["a"].vector is not None
    assert found["a"].vector.tolist() == [1.0] * WIDTH
    assert found["b"] == Entry(None, lacking="no sound")


def test_the_folder_says_whose_vectors_these_are(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, CARD)
    cache.add({"a": entry(1)})
    assert Card.from_dict(json.loads((cache.folder / "card.json").read_text(encoding="utf-8"))) == CARD


def test_merging_keeps_everything_in_one_shard(tmp_path: Path) -> None:
    cache, other = EmbeddingCache(tmp_path, CARD), EmbeddingCache(tmp_path, CARD)
    other.add({"theirs": entry(9)})
    for at in range(5):
        cache.add(
            {f"k{at}": Entry(entry(at).vector, cut=at == 2), f"l{at}": Entry(None, lacking=f"why {at}")}
        )
    before = cache.find([*(f"k{at}" for at in range(5)), *(f"l{at}" for at in range(5))])
    cache.merge()
    assert len(shards(cache)) == 2
    after = EmbeddingCache(tmp_path, CARD).find(before)
    assert {k: (v.cut, v.lacking) for k, v in after.items()} == {
        k: (v.cut, v.lacking) for k, v in before.items()
    }
    assert all(np.array_equal(after[f"k{at}"].vector, before[f"k{at}"].vector) for at in range(5))
    assert "theirs" in cache.find(["theirs"])


def test_shards_that_another_run_merges_meanwhile_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, plain = EmbeddingCache(tmp_path, CARD), EmbeddingCache.read
    for at in range(3):
        cache.add({f"k{at}": entry(at)})

    def merged_first(self: EmbeddingCache, path: Path, wanted: set[str] | None) -> dict[str, Entry]:
        monkeypatch.setattr(EmbeddingCache, "read", plain)
        cache.merge()
        return plain(self, path, wanted)

    monkeypatch.setattr(EmbeddingCache, "read", merged_first)
    assert set(EmbeddingCache(tmp_path, CARD).find(["k0", "k1", "k2"])) == {"k0", "k1", "k2"}
    assert len(shards(cache)) == 1


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\0" * len(b)])
def test_a_damaged_shard_counts_as_not_there(tmp_path: Path, damage) -> None:
    cache = EmbeddingCache(tmp_path, CARD)
    cache.add({"a": entry(1)})
    (path,) = shards(cache)
    path.write_bytes(damage(path.read_bytes()))
    cache.add({"b": entry(2)})
    assert set(EmbeddingCache(tmp_path, CARD).find(["a", "b"])) == {"b"}


def test_a_flipped_bit_in_the_vectors_is_noticed(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, CARD)
    cache.add({"a": entry(1.5)})
    (path,) = shards(cache)
    content = bytearray(path.read_bytes())
    at = content.index(np.full(WIDTH, 1.5, dtype=np.float32).tobytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))
    assert EmbeddingCache(tmp_path, CARD).find(["a"]) == {}


def test_half_written_files_are_never_read_and_swept_when_old(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, CARD)
    cache.add({"a": entry(1)})
    fresh, old = cache.folder / ".x.1.partial.npz", cache.folder / ".y.2.partial.npz"
    for path in (fresh, old):
        path.write_bytes(shards(cache)[0].read_bytes())
    os.utime(old, (time.time() - 1e6,) * 2)
    cache.merge()
    assert fresh.exists()
    assert not old.exists()
    assert set(cache.find(["a"])) == {"a"}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "embeddings").write_text("in the way", encoding="utf-8")
    with pytest.raises((CannotFinish, OSError)):
        EmbeddingCache(tmp_path, CARD).add({"a": entry(1)})


def test_a_killed_run_resumes(tmp_path: Path, counting: CountingEncoder) -> None:
    process = start(tmp_path, tmp_path / "out.npz", seconds=0.2, n=400)
    folder = EmbeddingCache(tmp_path, CARD).folder
    deadline = time.monotonic() + 60
    while len(list(folder.glob("[!.]*.npz"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = EmbeddingCache(tmp_path, CARD).find([])
    assert kept == {}
    second = start(tmp_path, tmp_path / "out.npz", seconds=0.0, n=400)
    encoded, reused = map(int, second.communicate(timeout=60)[0].split())
    assert second.returncode == 0
    assert encoded + reused == 400
    assert reused >= 10
    assert encoded > 0


def test_two_processes_at_once(tmp_path: Path) -> None:
    outs = [tmp_path / "one.npz", tmp_path / "two.npz"]
    processes = [start(tmp_path, out, seconds=0.01, n=120) for out in outs]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    from mixedsignals.embeddings import Embeddings

    wanted = np.stack([vector_of(f"words {at}") for at in range(120)])
    assert all(np.array_equal(Embeddings.load(out).values, wanted) for out in outs)
    third = start(tmp_path, outs[0], seconds=0.0, n=120)
    assert third.communicate(timeout=60)[0].split() == ["0", "120"]
