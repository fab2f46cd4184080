"""The job run for spark-submit."""

import sys

from galspec_spark.jobs.run import main

sys.exit(main())
