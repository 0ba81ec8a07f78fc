"""Deployment files made from a project: what gatewaydeploy writes, and what gatewayserve puts in front of a server.

``values`` says what a file is made of, ``fronts`` and ``servers`` render from values alone; ``project`` and ``plan``
find the values. Nothing here needs Django before something is rendered.
"""
