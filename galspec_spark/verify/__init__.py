"""Is the warehouse what the files are? What is missing, doubled, altered or broken."""
