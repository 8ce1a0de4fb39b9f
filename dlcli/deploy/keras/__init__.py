"""The format `keras`: a network as source for Keras 3, with its weights by layer."""
