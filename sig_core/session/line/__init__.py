"""Stations: what is at the end of a line that loses bytes, over all the links that it has had."""
