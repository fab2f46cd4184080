"""The job verify for spark-submit."""

import sys

from galspec_spark.jobs.verify import main

sys.exit(main())
