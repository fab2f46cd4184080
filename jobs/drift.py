"""The job drift for spark-submit."""

import sys

from galspec_spark.jobs.drift import main

sys.exit(main())
