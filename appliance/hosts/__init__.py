"""Judging hosts: whether one is fit to be installed on, and whether an installed one is what the topology says.

What is on a host is gathered there by :mod:`appliance.hosts.gather`, a program of its own that needs Debian's Python
only. Judging it is pure and happens on the machine that Ansible runs on.
"""
