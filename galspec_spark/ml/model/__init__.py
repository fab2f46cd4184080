"""The model folder: written, checked, read and applied."""
