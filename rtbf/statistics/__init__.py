"""Intervals, exact tests and what they can attain. No other package computes a p-value."""
