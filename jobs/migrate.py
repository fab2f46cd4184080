"""The job migrate for spark-submit."""

import sys

from galspec_spark.jobs.migrate import main

sys.exit(main())
