"""From an archive's HTTP tree to files in a folder, resumed where it was cut off."""
