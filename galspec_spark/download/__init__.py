"""Downloads files of an archive's HTTP tree into a folder; a rerun resumes."""
