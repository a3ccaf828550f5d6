"""Tests of appliance/doctor."""
