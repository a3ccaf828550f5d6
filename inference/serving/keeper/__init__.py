"""The parent of vLLM: starts it, watches it, drains it, records what happens, and exits with a code that says why.

Starting it again is the business of whoever started the keeper: supervisord, systemd or the kubelet.
"""
