"""Shared by all jobs: command line, session, run, progress."""
