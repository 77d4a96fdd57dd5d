"""Links made of other links: a stream over packets, a stream over a line, a pollable link over any."""
