"""The pages of a study: server-rendered, with htmx, on an ASGI server; `make_app` gives the application.

Everything that a participant can ask for goes through a signed token and their own seat; nothing about a clip beyond
what its condition shows ever leaves the server.
"""

from mixedsignals.errors import CannotFinish

try:
    from mixedsignals.study.server.app import make_app
    from mixedsignals.study.server.options import ServerOptions
except ModuleNotFoundError as error:
    raise CannotFinish(
        f"serving a study needs {error.name}. Install it with: pip install 'mixedsignals[study]'"
    ) from error

__all__ = ["ServerOptions", "make_app"]
