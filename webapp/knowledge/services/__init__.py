"""The verbs of the knowledge room. Other rooms call them through ``webapp.knowledge.api``."""
