"""What can be wrong with ``appliance.yaml``."""


class SettingsError(Exception):
    """appliance.yaml cannot be used; every message names the key and what to write instead."""


class SecretError(SettingsError):
    """A secret's file cannot be used; the message names it and what to do."""
