"""One-off studies of the data and of the methods, a folder each."""
