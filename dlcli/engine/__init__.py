"""The mathematics: layers, losses, optimizers, metrics, and the loop that trains with them."""
