"""What the inspection queue saves: labels chosen by it against labels chosen at random."""
