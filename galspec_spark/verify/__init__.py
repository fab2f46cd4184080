"""Checks a warehouse against its files: what is missing, doubled, altered or broken."""
