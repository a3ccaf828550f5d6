"""The exit codes that :mod:`appliance.cli` documents."""

PROBLEM = 1
USAGE = 2
UNUSABLE = 3
BUSY = 4
NOT_RUNNING = 5
INTERRUPTED = 130
