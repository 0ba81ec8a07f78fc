"""What the benchmarks measure with: processes that wait for the word to go, requests without a server, statistics."""
