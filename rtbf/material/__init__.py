"""What a stage works on: models loaded by digest, records turned into items, controls, questions. Only the executor imports it."""
