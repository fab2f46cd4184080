"""Principal components, classifiers and their evaluation on Spark MLlib."""
