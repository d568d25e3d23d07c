"""The first tables, and triggers that refuse to change an answer once it is there."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_UNCHANGING = ("answers", "exclusions", "removals")


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _whole(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=null)


def _number(name: str, *, null: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=null)


def _to(name: str, table: str, *, kind: Any = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, sa.ForeignKey(f"{table}.{name}"), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table("study_meta", sa.Column("key", sa.Text, primary_key=True), _text("value"))
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.Text, primary_key=True),
        _text("kind"),
        _whole("quota", null=True),
        _number("created_at"),
        _number("revoked_at", null=True),
    )
    op.create_table(
        "participants",
        sa.Column("participant_id", sa.Text, primary_key=True),
        sa.Column("link_key", sa.Text, nullable=False, unique=True),
        _whole("serial"),
        _to("invitation_id", "invitations"),
        sa.Column("external_digest", sa.Text, unique=True),
        _text("stage"),
        _text("checks", null=True),
        _number("entered_at"),
        _number("finished_at", null=True),
    )
    op.create_index("ix_participants_invitation_id", "participants", ["invitation_id"])
    _judging()
    _deciding()
    for table in _UNCHANGING:
        _refuse_updates(table)


def _judging() -> None:
    op.create_table(
        "trials",
        sa.Column("trial_id", sa.Integer, primary_key=True),
        _to("participant_id", "participants"),
        _whole("place"),
        _whole("position", null=True),
        _text("kind"),
        _text("clip_id"),
        _text("arm"),
        _text("expected", null=True),
        _whole("occasion"),
        _number("reserved_at"),
        _number("expires_at"),
        _number("finished_at", null=True),
        _number("skipped_at", null=True),
        sa.UniqueConstraint("participant_id", "place", name="one_trial_per_place"),
    )
    judged = sa.text("kind IN ('item', 'repeat')")
    where: dict[str, Any] = {"sqlite_where": judged, "postgresql_where": judged}
    op.create_index("a_clip_once", "trials", ["participant_id", "clip_id", "occasion"], unique=True, **where)
    op.create_table(
        "exposures",
        sa.Column("exposure_id", sa.Integer, primary_key=True),
        _to("trial_id", "trials", kind=sa.Integer),
        _whole("step"),
        _text("condition"),
        _text("stimulus_id"),
        _number("shown_at"),
        sa.UniqueConstraint("trial_id", "step", name="one_exposure_per_step"),
    )
    op.create_table(
        "answers",
        sa.Column("answer_id", sa.Integer, primary_key=True),
        sa.Column(
            "exposure_id", sa.Integer, sa.ForeignKey("exposures.exposure_id"), nullable=False, unique=True
        ),
        _to("participant_id", "participants"),
        _number("answered_at"),
        _number("seconds"),
        _text("label", null=True),
        _whole("scale", null=True),
        _number("confidence", null=True),
        _text("free_text", null=True),
        _text("reasons", null=True),
    )
    op.create_index("answers_of_participant", "answers", ["participant_id"])


def _deciding() -> None:
    op.create_table(
        "exclusions",
        sa.Column("exclusion_id", sa.Integer, primary_key=True),
        _to("participant_id", "participants"),
        sa.Column("excluded", sa.Boolean, nullable=False),
        _text("reason"),
        _number("decided_at"),
    )
    op.create_index("ix_exclusions_participant_id", "exclusions", ["participant_id"])
    op.create_table(
        "removals",
        sa.Column("removal_id", sa.Integer, primary_key=True),
        _text("asked_by"),
        _whole("answers"),
        _number("removed_at"),
    )


def _refuse_updates(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} are only added'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_stay() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} are only added'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_stay BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_stay()"
    )
