"""What missing pixels do to components, coefficients and scores."""
