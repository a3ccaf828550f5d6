"""Executing a run under its lease."""
