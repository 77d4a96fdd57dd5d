"""The C client, function by function: built for this machine and driven without a line or a clock."""
