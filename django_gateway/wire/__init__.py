"""``gatewayserve --wire``: a relay at the client's side, which keeps what requests and responses were as bytes.

It changes no byte. What it read is joined with the exchange that the application's recorder made of the same request.
"""
