"""Tests of the whole appliance, started for real."""
