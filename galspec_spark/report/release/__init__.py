"""The report of a release: what it is made of, its figures, and the page."""
