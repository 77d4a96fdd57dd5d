"""The plain dialect (docs/plain.md): JSON objects as pysig 0.7 wrote them."""
