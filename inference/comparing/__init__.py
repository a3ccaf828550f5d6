"""What a model loses against its parent: perplexity, questions, size and speed, each measured on the real engine.

``python -m inference.comparing`` runs in the inference environment and starts one engine after the other. The
questions, scorers, windows and statistics are pure; :mod:`inference.comparing.temporary` starts what is asked.
"""
