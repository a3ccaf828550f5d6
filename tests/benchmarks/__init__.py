"""Measurements. They inform; they never gate a change."""
