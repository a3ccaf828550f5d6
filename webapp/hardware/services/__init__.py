"""The verbs of this room. Other rooms use ``webapp.hardware.api``."""
