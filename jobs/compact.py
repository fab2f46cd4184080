"""The job compact for spark-submit."""

import sys

from galspec_spark.jobs.compact import main

sys.exit(main())
