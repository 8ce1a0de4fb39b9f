"""What leaves the house: a trained network with everything needed to use it."""
