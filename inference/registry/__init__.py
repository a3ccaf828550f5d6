"""Which model this machine serves, and whether its files may be trusted. Standard library only."""
