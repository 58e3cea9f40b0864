"""Statistics and figures of results files."""
