"""The demonstration: a seeded community of fictitious people, and one ticket from letter to report."""
