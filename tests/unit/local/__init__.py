"""Tests of appliance/local."""
