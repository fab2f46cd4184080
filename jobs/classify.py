"""The job classify for spark-submit."""

import sys

from galspec_spark.jobs.classify import main

sys.exit(main())
