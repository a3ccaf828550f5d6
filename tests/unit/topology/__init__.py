"""Tests of appliance/topology."""
