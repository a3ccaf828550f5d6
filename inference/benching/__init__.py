"""vLLM's own ``bench serve``, run the same way against several ways to one engine, in turns.

``python -m inference.benching`` runs in the inference environment. It starts no engine: it loads the one that runs.
"""
