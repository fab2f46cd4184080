"""What changed between two releases of one warehouse, and why."""
