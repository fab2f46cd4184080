"""The job train for spark-submit."""

import sys

from galspec_spark.jobs.train import main

sys.exit(main())
