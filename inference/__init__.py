"""Running models: which one, how it is served, what it needs. No Django here."""
