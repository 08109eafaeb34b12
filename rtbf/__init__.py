"""rtbf: from a deletion ticket to a signed audit report about a language model."""
