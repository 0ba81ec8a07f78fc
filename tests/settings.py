"""The test project's settings, for tests that run inside the test process: nothing is recorded unless a test asks."""

from __future__ import annotations

from testproject.settings import *  # noqa: F403

GATEWAY = {"ENABLED": False}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
