"""The hardware room."""
