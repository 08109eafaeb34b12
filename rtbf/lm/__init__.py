"""The owner's weights: loading, scoring, generating, training, adapters."""
