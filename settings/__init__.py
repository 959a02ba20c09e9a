"""The settings: few, typed, read from the environment, secrets without defaults.

Where a broker or a database is not named in the environment, the embedded stack of `AUGENTIS_HOME`
names it (`stack/env.json`, written by `augentis stack up`); the environment always wins.
"""

from settings.durations import Duration, parse_duration
from settings.model import Settings, SettingsError, default_home, embedded_env_file, load
from settings.oidc import OidcProvider, ProviderName

__all__ = [
    "Duration",
    "OidcProvider",
    "ProviderName",
    "Settings",
    "SettingsError",
    "default_home",
    "embedded_env_file",
    "load",
    "parse_duration",
]
