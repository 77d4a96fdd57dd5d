"""A web page, and a REST interface, that show the events of a pysig server as they come."""
