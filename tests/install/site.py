"""The site that the tests build: names and addresses of its hosts, and the settings in its inventory."""

NETWORK = "10.77.0.0/24"
CONTROLLER = "10.77.0.1"
NEIGHBOR = "10.77.0.9"  # somebody on the same network who is nobody
OUTSIDE = "198.51.100.7"  # an address that the controller answers on, as the internet would
ADDRESSES = {"app": "10.77.0.10", "gpu": "10.77.0.20"}
PUBLIC_NAME = "answers.example.test"
MODEL = "reciting-llama"  # as tests.engines.reciting names it, which needs PyTorch
