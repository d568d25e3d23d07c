"""What the shared options of one call say: how much to print, and in which form."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STATE", "State"]


@dataclass
class State:
    """Set by `--debug`, `--json`, `-v` and `-q`; one per process, reset at the start of each call."""

    debug: bool = False
    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def reset(self) -> None:
        """Back to the defaults."""
        self.debug = self.json = self.quiet = self.verbose = False


STATE = State()
