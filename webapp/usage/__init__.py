"""The usage room."""
