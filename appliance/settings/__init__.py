"""The one typed, frozen description of this installation, read from ``appliance.yaml``.

Owns: the keys, their defaults, their checks and the secrets' files. Knows nothing of the rest of the appliance.
"""

from appliance.settings.errors import SecretError, SettingsError
from appliance.settings.load import load
from appliance.settings.model import Settings
from appliance.settings.secrets import Secret, ensure_secret

__all__ = ["Secret", "SecretError", "Settings", "SettingsError", "ensure_secret", "load"]
