"""Tests of ``inference``, without an engine."""
