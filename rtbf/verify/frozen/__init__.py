"""Code of earlier releases, kept so that old reports can be checked. Nothing here changes."""
