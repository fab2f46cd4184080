"""The job changes for spark-submit."""

import sys

from galspec_spark.jobs.changes import main

sys.exit(main())
