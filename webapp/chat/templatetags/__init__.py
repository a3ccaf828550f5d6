"""Template tags of the staff interface."""
