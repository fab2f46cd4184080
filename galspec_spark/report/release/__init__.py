"""The report of a release: its contents, figures and page."""
