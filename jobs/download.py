"""The job download for spark-submit."""

import sys

from galspec_spark.jobs.download import main

sys.exit(main())
