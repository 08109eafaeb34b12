"""One file per way of finding a person; the file name is the locator's name."""
