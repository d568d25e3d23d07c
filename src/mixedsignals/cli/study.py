"""`mixedsignals study`: people judge clips with modalities withheld; each verb is loaded only when it is called."""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

#: verb -> module below mixedsignals.cli that holds its `command`
_VERBS = {
    "create": "_study_create",
    "serve": "_study_serve",
    "status": "_study_status",
    "invite": "_study_invite",
    "close": "_study_close",
    "export": "_study_export",
    "analyse": "_study_analyse",
}


_EXAMPLE = "Example:  mixedsignals study create CORPUS --conditions text,audio,video --out STUDY"


class _LazyGroup(click.Group):
    """A group whose verbs are modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _VERBS:
            return None
        found: click.Command = importlib.import_module(f"mixedsignals.cli.{_VERBS[cmd_name]}").command
        return found


@click.group("study", cls=_LazyGroup, epilog=_EXAMPLE)
def command() -> None:
    """A study in which people judge clips with modalities withheld."""
