"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "apply",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=True),
        sa.Column("dirty", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apply")),
    )
    op.create_index(op.f("ix_apply_source"), "apply", ["source"], unique=False)
    op.create_table(
        "content",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_content")),
    )
    op.create_table(
        "device",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent_version", sa.String(), nullable=True),
        sa.Column("sealing_key", sa.String(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("facts_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_device")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job", sa.String(), nullable=True),
        sa.Column("revision", sa.String(), nullable=True),
        sa.Column("command", sa.JSON(), nullable=True),
        sa.Column("script", sa.String(), nullable=True),
        sa.Column("entrypoint", sa.JSON(), nullable=True),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("cwd", sa.String(), nullable=True),
        sa.Column("environment", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("timeout", sa.Float(), nullable=True),
        sa.Column("notify", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("output_limit", sa.BigInteger(), nullable=False),
        sa.Column("overflow", sa.String(32), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("where", sa.String(32), nullable=False),
        sa.Column("where_custom", sa.JSON(), nullable=False),
        sa.Column("barred", sa.JSON(), nullable=False),
        sa.Column("show_duration", sa.Boolean(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("term", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("splay", sa.Float(), nullable=True),
        sa.Column("only", sa.JSON(), nullable=True),
        sa.Column("launch_id", sa.String(), nullable=True),
        sa.Column("launch_digest", sa.String(), nullable=True),
        sa.Column("rerun_of", sa.BigInteger(), nullable=True),
        sa.Column("adopted_from", sa.BigInteger(), nullable=True),
        sa.Column("delivery", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("concurrency_group", sa.String(), nullable=True),
        sa.Column("rollout_state", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("waits_for", sa.String(), nullable=True),
        sa.Column("decide_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_adopted_from"), "run", ["adopted_from"], unique=False)
    op.create_index(op.f("ix_run_job"), "run", ["job"], unique=False)
    op.create_index("run_due", "run", ["decide_at"], unique=False)
    op.create_index("run_of_group", "run", ["concurrency_group", "waits_for"], unique=False)
    op.create_index("run_of_launch", "run", ["launch_id"], unique=True)
    op.create_index("run_to_tell", "run", ["told"], unique=False)
    op.create_table(
        "schedule",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("by_device", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("anchor", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job", "zone", name=op.f("pk_schedule")),
    )
    op.create_index(op.f("ix_schedule_next_at"), "schedule", ["next_at"], unique=False)
    op.create_table(
        "script",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_script")),
    )
    op.create_table(
        "declared",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("apply", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["apply"], ["apply.id"], name=op.f("fk_declared_apply_apply")),
        sa.ForeignKeyConstraint(["revision"], ["content.digest"], name=op.f("fk_declared_revision_content")),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_declared")),
    )
    op.create_index(op.f("ix_declared_owner"), "declared", ["owner"], unique=False)
    op.create_table(
        "execution",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("script", sa.String(), nullable=True),
        sa.Column("environment", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("signal", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("output_length", sa.BigInteger(), nullable=False),
        sa.Column("output_limit", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("counts_as", sa.String(32), nullable=True),
        sa.Column("prompt", sa.JSON(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.Column("told_prompt", sa.String(), nullable=True),
        sa.Column("unanswered", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name=op.f("fk_execution_device_device")),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name=op.f("fk_execution_run_run")),
        sa.ForeignKeyConstraint(["script"], ["script.digest"], name=op.f("fk_execution_script_script")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution")),
    )
    op.create_index("execution_apart", "execution", ["run", "counts_as", "state"], unique=False)
    op.create_index("execution_asking", "execution", ["state", "asked_at", "id"], unique=False)
    op.create_index("execution_expiring", "execution", ["state", "counts_as", "expires_at"], unique=False)
    op.create_index("execution_in_state", "execution", ["run", "state", "device"], unique=False)
    op.create_index("execution_of_run", "execution", ["run", "device"], unique=True)
    op.create_index("execution_unsettled", "execution", ["settled", "device"], unique=False)
    op.create_index(op.f("ix_execution_device"), "execution", ["device"], unique=False)
    op.create_table(
        "firing",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name=op.f("fk_firing_run_run")),
        sa.PrimaryKeyConstraint("job", "zone", "at", name=op.f("pk_firing")),
    )
    op.create_index("firing_in_outcome", "firing", ["outcome", "at"], unique=False)
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("notify", sa.JSON(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name=op.f("fk_notification_run_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index(op.f("ix_notification_due_at"), "notification", ["due_at"], unique=False)
    op.create_table(
        "answer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("execution", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(32), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("result", sa.String(32), nullable=True),
        sa.Column("first", sa.String(), nullable=True),
        sa.Column("first_by", sa.String(), nullable=True),
        sa.Column("first_origin", sa.String(32), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["execution"], ["execution.id"], name=op.f("fk_answer_execution_execution")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer")),
    )
    op.create_index("answer_by_time", "answer", ["given_at", "id"], unique=False)
    op.create_index("answer_of_prompt", "answer", ["execution", "attempt", "prompt"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("execution", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("signal", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("output_length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["execution.id"], name=op.f("fk_attempt_execution_execution")),
        sa.PrimaryKeyConstraint("execution", "attempt", name=op.f("pk_attempt")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("execution", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name=op.f("fk_outbox_device_device")),
        sa.ForeignKeyConstraint(["execution"], ["execution.id"], name=op.f("fk_outbox_execution_execution")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_device"), "outbox", ["device"], unique=False)
    op.create_index(op.f("ix_outbox_execution"), "outbox", ["execution"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_execution"), table_name="outbox")
    op.drop_index(op.f("ix_outbox_device"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("attempt")
    op.drop_index("answer_of_prompt", table_name="answer")
    op.drop_index("answer_by_time", table_name="answer")
    op.drop_table("answer")
    op.drop_index(op.f("ix_notification_due_at"), table_name="notification")
    op.drop_table("notification")
    op.drop_index("firing_in_outcome", table_name="firing")
    op.drop_table("firing")
    op.drop_index(op.f("ix_execution_device"), table_name="execution")
    op.drop_index("execution_unsettled", table_name="execution")
    op.drop_index("execution_of_run", table_name="execution")
    op.drop_index("execution_in_state", table_name="execution")
    op.drop_index("execution_expiring", table_name="execution")
    op.drop_index("execution_asking", table_name="execution")
    op.drop_index("execution_apart", table_name="execution")
    op.drop_table("execution")
    op.drop_index(op.f("ix_declared_owner"), table_name="declared")
    op.drop_table("declared")
    op.drop_table("script")
    op.drop_index(op.f("ix_schedule_next_at"), table_name="schedule")
    op.drop_table("schedule")
    op.drop_index("run_to_tell", table_name="run")
    op.drop_index("run_of_launch", table_name="run")
    op.drop_index("run_of_group", table_name="run")
    op.drop_index("run_due", table_name="run")
    op.drop_index(op.f("ix_run_job"), table_name="run")
    op.drop_index(op.f("ix_run_adopted_from"), table_name="run")
    op.drop_table("run")
    op.drop_table("device")
    op.drop_table("content")
    op.drop_index(op.f("ix_apply_source"), table_name="apply")
    op.drop_table("apply")
