"""Stage 4: measure before and after, and decide."""
