"""The job ingest for spark-submit."""

import sys

from galspec_spark.jobs.ingest import main

sys.exit(main())
