"""``spark.read.format("galspec")``: FITS files as a Spark data source."""
