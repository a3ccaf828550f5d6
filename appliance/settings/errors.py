"""What can be wrong with ``appliance.yaml``."""


class SettingsError(Exception):
    """appliance.yaml cannot be used; every message names the key and what to write instead."""
