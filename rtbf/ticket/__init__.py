"""Stage 0: a deletion ticket, its record and its lawful moves."""
