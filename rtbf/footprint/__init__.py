"""Stage 1: where the person is found, in corpora and through lineage in models."""
