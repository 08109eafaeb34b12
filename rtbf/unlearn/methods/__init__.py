"""One file per paper; the file name is the method's name."""
