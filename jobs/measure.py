"""The job measure for spark-submit."""

import sys

from galspec_spark.jobs.measure import main

sys.exit(main())
