"""A data release from files to catalogue and report, unattended, and all that a folder has."""
