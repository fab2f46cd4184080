"""Spark's classifiers: their settings, and what a fitted one computes."""
