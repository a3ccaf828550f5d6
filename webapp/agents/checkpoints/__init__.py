"""LangGraph's state in our own tables: written by the holder of the run's lease and by nobody else."""
