"""The owner's data: versions, records, and where each record lies."""
