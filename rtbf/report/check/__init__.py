"""The offline checker: one file per step, run in order. Needs the standard library, cryptography and rfc8785 only."""
