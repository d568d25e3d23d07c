"""The store of a study: who takes part, what they were handed and what they answered; answers are only ever added.

`Database` opens it, `read_answers` gives everything that was said as the `ANSWERS` table, and the functions beside
them work inside one transaction that the caller begins.
"""

from mixedsignals.errors import CannotFinish

try:
    from mixedsignals.study.store.database import Database
    from mixedsignals.study.store.reading import read_answers
except ModuleNotFoundError as error:
    raise CannotFinish(
        f"studies need {error.name}. Install it with: pip install 'mixedsignals[study]'"
    ) from error

__all__ = ["Database", "read_answers"]
