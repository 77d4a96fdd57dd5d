"""Certificates of one's own."""
