"""The job diff for spark-submit."""

import sys

from galspec_spark.jobs.diff import main

sys.exit(main())
