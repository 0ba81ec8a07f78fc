"""Projects that are deployed from generated files, for real, and what is asked of them then."""
