"""The routing core of pysig."""
