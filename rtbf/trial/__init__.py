"""Planted people on a tiny model: how a method fares on many small tickets, and what the verifier says of models whose truth is known."""
