"""Letters to the person and to recipients: their kinds, their words, and the way out of the house."""
