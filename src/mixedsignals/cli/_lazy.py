"""A group of verbs that are modules of their own, each imported only when it is called, so that help is quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """A click group that finds its verbs by name.

    Args:
        modules: verb -> module below `mixedsignals.cli` that holds its `command`, in the order of the help.
        attributes: those of `click.Group`.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in their order."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a verb; None where there is no such verb."""
        if cmd_name not in self.modules:
            return None
        command: click.Command = importlib.import_module(f"mixedsignals.cli.{self.modules[cmd_name]}").command
        return command
