"""Recordings, and what is known of them."""
