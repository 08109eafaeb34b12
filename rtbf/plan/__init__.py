"""Stage 2: method, data, thresholds and seeds, fixed before anything runs."""
