"""A server among peers that break every rule, beside some that behave (`docs/testing.md`)."""
