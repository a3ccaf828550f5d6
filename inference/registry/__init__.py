"""Which model this machine serves, and whether its files may be trusted. Needs PyYAML and pydantic, no more."""
