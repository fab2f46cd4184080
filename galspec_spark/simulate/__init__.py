"""A simulated survey, written in the formats of the real one."""
