"""What ``import galspec_spark as gs`` offers to notebooks and programs."""
