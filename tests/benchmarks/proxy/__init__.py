"""What engine-proxy costs, against asking the engine directly and against nginx with the same job."""
