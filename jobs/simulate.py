"""The job simulate for spark-submit."""

import sys

from galspec_spark.jobs.simulate import main

sys.exit(main())
