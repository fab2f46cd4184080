"""Repeat observations of one object whose lines or class differ beyond their errors."""
