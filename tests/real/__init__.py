"""Projects that nobody here wrote, servers for them, somebody who browses, and what must be on record then."""
