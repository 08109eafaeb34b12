"""Stage 3: change the weights as the approved plan says."""
