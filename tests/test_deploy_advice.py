"""What gatewaydeploy tells of settings that a deployed project needs: each with the line to add."""

from __future__ import annotations

import re
from collections.abc import Iterator

import django
import pytest

from deploy.projects import Project, fresh, place


@pytest.fixture(scope="module")
def site() -> Iterator[Project]:
    with place() as folder:
        folder.chmod(0o755)
        yield fresh(folder)


ADVISED = {
    "DEBUG": "DEBUG = False",
    "SECRET_KEY": 'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]',
    "ALLOWED_HOSTS": 'ALLOWED_HOSTS = ["example.net"]',
    # From 6.1 on startproject names a backend that prints e-mails.
    **({"MAILERS": "MAILERS = {"} if django.VERSION >= (6, 1) else {}),
    "SECURE_PROXY_SSL_HEADER": 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
    "CSRF_TRUSTED_ORIGINS": 'CSRF_TRUSTED_ORIGINS = ["https://example.net"]',
    "SESSION_COOKIE_SECURE": "SESSION_COOKIE_SECURE = True",
    "CSRF_COOKIE_SECURE": "CSRF_COOKIE_SECURE = True",
    "SECURE_HSTS_SECONDS": "SECURE_HSTS_SECONDS = 3600",
    "STATIC_ROOT": 'STATIC_ROOT = BASE_DIR / "staticfiles"',
    "STORAGES": "STORAGES = {",
}


def advice(said: str) -> dict[str, str]:
    """The line to add, by its setting."""
    return dict(re.findall(r"^([A-Z_]+): .*(?:\n    (.*))?", said, re.MULTILINE))


def test_what_the_project_lacks_is_told_with_the_line_to_add(site: Project) -> None:
    said = site.manage("gatewaydeploy", "nginx", "gunicorn", "--host", "example.net", "--dry-run")
    found = advice(said)
    assert list(found) == list(ADVISED)
    for setting, line in ADVISED.items():
        assert found[setting].startswith(line), found[setting]


def test_the_lines_that_are_told_mend_it(site: Project) -> None:
    """Added as they are, they are Python, and nothing is left to tell."""
    told = advice(site.manage("gatewaydeploy", "nginx", "gunicorn", "--host", "example.net", "--dry-run"))
    site.write("mysite/mended.py", "import os\nfrom .settings import *\n" + "\n".join(told.values()) + "\n")
    variables = {"DJANGO_SETTINGS_MODULE": "mysite.mended", "DJANGO_SECRET_KEY": "k" * 60}
    said = site.manage("gatewaydeploy", "nginx", "gunicorn", "--host", "example.net", "--dry-run", **variables)
    assert advice(said) == {}


def test_advice_for_several_machines(site: Project) -> None:
    layer = 'CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}\n'
    site.write("mysite/spread.py", f"from .settings import *\n{layer}")
    upstreams = ("--upstream", "10.0.0.1:8000", "--upstream", "10.0.0.2:8000")
    said = site.manage("gatewaydeploy", "nginx", *upstreams, "--dry-run", DJANGO_SETTINGS_MODULE="mysite.spread")
    found = advice(said)
    assert "channels_redis" in found["CHANNEL_LAYERS"]
    assert "postgresql" in found["DATABASES"]
    assert "server 10.0.0.1:8000 max_fails=1" in said
    assert "server 10.0.0.2:8000 max_fails=1" in said


def test_a_layer_in_redis_that_would_end_silent_websockets_is_told(site: Project) -> None:
    """With redis-py 8, which is what is installed here."""
    for hosts, told in (
        ('["redis://r:6379/0"]', True),
        ('[("r", 6379)]', True),
        ("[]", True),
        ('[{"address": "redis://r:6379/0", "socket_timeout": None}]', False),
    ):
        backend = "channels_redis.core.RedisChannelLayer"
        layer = f'{{"default": {{"BACKEND": "{backend}", "CONFIG": {{"hosts": {hosts}}}}}}}'
        site.write("mysite/layered.py", f"from .settings import *\nCHANNEL_LAYERS = {layer}\n")
        said = site.manage("gatewaydeploy", "nginx", "--dry-run", DJANGO_SETTINGS_MODULE="mysite.layered")
        assert ("socket_timeout" in advice(said).get("CHANNEL_LAYERS", "")) is told, hosts


def test_plain_http_is_told_of_redirects_without_end(site: Project) -> None:
    site.write("mysite/redirects.py", "from .settings import *\nSECURE_SSL_REDIRECT = True\n")
    variables = {"DJANGO_SETTINGS_MODULE": "mysite.redirects"}
    said = site.manage("gatewaydeploy", "nginx", "--plain", "--dry-run", **variables)
    assert "SECURE_SSL_REDIRECT: The proxy speaks plain HTTP here" in said
    assert "SECURE_PROXY_SSL_HEADER" not in said


def test_an_empty_secret_is_told_and_is_no_traceback(site: Project) -> None:
    """As in projects whose production settings leave it to a file that is on the server alone."""
    site.write("mysite/secretless.py", 'from .settings import *\nSECRET_KEY = ""\n')
    said = site.manage("gatewaydeploy", "nginx", "--dry-run", DJANGO_SETTINGS_MODULE="mysite.secretless")
    assert "SECRET_KEY: SECRET_KEY is empty, and nothing starts without it." in said
    assert advice(said)["SECRET_KEY"] == 'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]'
