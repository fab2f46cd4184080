"""The job view for spark-submit."""

import sys

from galspec_spark.jobs.view import main

sys.exit(main())
