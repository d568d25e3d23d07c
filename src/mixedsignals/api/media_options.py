"""What is asked of a run on real media: one frozen record, kept in `run.toml` so that the same can be asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mixedsignals.errors import check_known, check_options
from mixedsignals.probes import DEFAULT_PROBES, parse_probe

if TYPE_CHECKING:
    from mixedsignals.media import Freeze, NoiseKind

__all__ = ["MediaOptions", "asked_of_media"]


@dataclass(frozen=True, kw_only=True)
class MediaOptions:
    """Options of the probes on real media; all but `jobs` can change a result.

    Attributes:
        probes: by name, such as `media:swap`, `media:noise:10` (dB), `media:shift:-250` (ms, voice earlier than face).
        clips: how many at most, drawn so that labels and speakers are represented evenly; None takes all.
        partners: clips that lend a clip one modality, at most.
        sources: fusions that are asked; None means all of the run.
        noise, freeze: as `probes.FilmOptions`.
        seed: of the draw, the partners and the noise.
        jobs: recordings made at a time.
    """

    probes: tuple[str, ...] = DEFAULT_PROBES
    clips: int | None = 60
    partners: int = 1
    sources: tuple[str, ...] | None = None
    noise: NoiseKind = "white"
    freeze: Freeze = "middle"
    seed: int = 0
    jobs: int = 2

    def __post_init__(self) -> None:
        parsed = [parse_probe(name).name for name in self.probes]
        object.__setattr__(self, "probes", tuple(dict.fromkeys(parsed)))
        rules = [
            ("clips", self.clips is None or self.clips >= 1, "1 or more"),
            ("partners", self.partners >= 1, "1 or more"),
            ("noise", self.noise in ("white", "speech"), "white, speech"),
            ("freeze", self.freeze in ("first", "middle"), "first, middle"),
            ("seed", self.seed >= 0, "0 or more"),
            ("jobs", self.jobs >= 1, "1 or more"),
        ]
        check_options(self, rules)

    def to_dict(self) -> dict[str, Any]:
        """What `run.toml` keeps."""
        values = {name: value for name, value in asdict(self).items() if name != "jobs" and value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, file: str = "run.toml") -> MediaOptions:
        """The inverse of `to_dict`.

        Raises:
            InputError: entries that are no options.
        """
        check_known(values, cls, section="[probe_media]", file=file)
        chosen: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in values.items()
        }
        return cls(**{"clips": None, **chosen})


def asked_of_media(manifest: Mapping[str, Any], *, file: str = "run.toml") -> MediaOptions | None:
    """What a run was asked on media; None where nothing was.

    Raises:
        InputError: entries that are no options.
    """
    values = manifest.get("probe_media")
    return None if values is None else MediaOptions.from_dict(values, file=file)
