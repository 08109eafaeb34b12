"""Stage 5: the signed statement, its PDF, and the offline checker."""
