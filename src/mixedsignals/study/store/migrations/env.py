"""Runs the steps on the connection that `store.database` hands over; there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from mixedsignals.study.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
