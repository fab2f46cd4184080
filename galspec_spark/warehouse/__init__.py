"""Where tables live: places, locks, parts, schemas and atomic changes. No pyspark but in frames."""
