"""The job remove for spark-submit."""

import sys

from galspec_spark.jobs.remove import main

sys.exit(main())
