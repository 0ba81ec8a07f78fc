"""The parent of everything that gatewayserve starts: sockets, child processes, reload."""
