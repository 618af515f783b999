"""How the desk's tables came to their present form, step by step (Alembic); run when the tables are opened."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData


def upgrade(connection: Connection, metadata: MetaData) -> None:
    """Bring the tables to this release's form, in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)

    def steps(revision: object, _context: object) -> list[object]:
        return scripts._upgrade_revs("head", revision)  # type: ignore[arg-type, return-value]  # Alembic's own untyped pair

    with EnvironmentContext(config, scripts, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()
