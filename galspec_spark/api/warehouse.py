"""The tables of a warehouse as DataFrames."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from galspec_spark.errors import UserError
from galspec_spark.warehouse import tables
from galspec_spark.warehouse.frames import read_table


class Warehouse(tables.Warehouse):
    """The tables in one folder, which the active Spark session opens."""

    def frame(self, name: str) -> DataFrame:
        """Open a table, for example ``catalog``.

        Raises
        ------
        UserError
            If the table does not exist, or there is no session.
        """
        spark = SparkSession.getActiveSession()
        if spark is None:
            raise UserError("there is no Spark session: start one with galspec_spark.session()")
        return read_table(spark, self, name)
