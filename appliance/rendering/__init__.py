"""What is made from the topology and the settings: units, firewalls, policies, matrices, diagrams; all pure functions.

Owns no description of its own and starts nothing: ``python -m appliance.rendering VERB`` prints what one returns.
"""
