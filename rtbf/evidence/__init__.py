"""What can be proved later: canonical bytes, the ledger, signatures, trust."""
