"""Storage of tables: places, locks, parts, schemas, atomic changes. Only frames imports pyspark."""
