"""Benchmarks: each measures us against a named baseline in one run and prints the ratio with the machine."""
