"""The jobs, thin: options, one call into the package, exit code."""
