"""What listeners with a queue of their own wait with, on threads."""
