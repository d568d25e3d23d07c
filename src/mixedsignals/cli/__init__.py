"""The command line: one verb, one file, each a thin call of `mixedsignals.api`.

`main` is the entry point. The verbs are imported only when one is called, so that `--help` is quick.
"""

from mixedsignals.cli._app import main

__all__ = ["main"]
