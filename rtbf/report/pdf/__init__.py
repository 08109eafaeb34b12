"""The printed view of a signed statement."""
