"""What a GPU host shows to the network, and nothing else: known paths to known clients, and the readings of its GPUs.

``routing``, ``refusals`` and ``tls`` use the standard library only; the others need aiohttp, which the inference
environment has.
"""
