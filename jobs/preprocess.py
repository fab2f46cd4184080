"""The job preprocess for spark-submit."""

import sys

from galspec_spark.jobs.preprocess import main

sys.exit(main())
