"""The job release for spark-submit."""

import sys

from galspec_spark.jobs.release import main

sys.exit(main())
