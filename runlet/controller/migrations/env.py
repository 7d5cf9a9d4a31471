"""What alembic runs to run a version, in the transaction that migrate.py has begun."""

from __future__ import annotations

from alembic import context

from runlet.controller.migrations.migrate import comparison

context.configure(connection=context.config.attributes["connection"], **comparison())
with context.begin_transaction():
    context.run_migrations()
