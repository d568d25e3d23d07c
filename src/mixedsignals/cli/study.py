"""`mixedsignals study`: people judge clips with modalities withheld; each verb is loaded only when it is called."""

from __future__ import annotations

import click

from mixedsignals.cli._lazy import LazyGroup

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


@click.group("study", cls=LazyGroup, modules=_VERBS, epilog=_EXAMPLE)
def command() -> None:
    """A study in which people judge clips with modalities withheld."""
