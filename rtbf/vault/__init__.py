"""Secrets of the tickets: per-ticket keys, sealed fields, normalised identifiers."""
