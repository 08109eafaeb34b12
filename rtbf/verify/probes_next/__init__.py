"""One file per probe; the file name is the probe's name."""
