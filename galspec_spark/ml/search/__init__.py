"""The search for the best settings of each classifier."""
