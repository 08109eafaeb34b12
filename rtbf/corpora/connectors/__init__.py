"""One file per kind of source; the file name is the connector's name."""
