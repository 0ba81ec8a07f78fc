"""The panel: what was recorded, as pages and as JSON. It reads stores and knows nothing of servers."""
