"""Ways of training a model whose lineage we record; one file each."""
