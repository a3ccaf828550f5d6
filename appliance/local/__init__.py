"""The embedded default: every component on one machine, without root, containers or system packages."""
