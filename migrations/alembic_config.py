from pathlib import Path

from alembic.config import Config


def alembic_config() -> Config:
    """Return alembic's configuration; `env.py` expects a connection in its attributes."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    return config
