"""Programs and modules that run inside the server processes which gatewayserve starts."""
