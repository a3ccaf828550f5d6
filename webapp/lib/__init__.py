"""Framework-free helpers that no single room owns."""
