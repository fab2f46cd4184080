"""What every job shares: command line, session, run, progress."""
