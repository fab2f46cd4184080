"""Tests, which share the cores: each process computes in one thread."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported
