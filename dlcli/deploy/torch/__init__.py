"""The format `torch`: a network as source for PyTorch, with its weights as a state_dict."""
