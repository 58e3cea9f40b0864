"""Networks and their training, in PyTorch."""
