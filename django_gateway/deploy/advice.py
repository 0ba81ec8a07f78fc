"""What a project lacks for deployment behind a proxy, with the line to add; the rest is ``check --deploy``'s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from .plan import EXAMPLE, Plan
from .project import STATIC_FOLDER

_REDIS: Final = (
    'CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", '
    '"CONFIG": {"hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}]}}}'
)


#: Those that ``check --deploy`` of Django 6.1 refuses (mail.E001), whatever their class is called.
_NOT_SENT: Final = frozenset(
    f"django.core.mail.backends.{name}" for name in ("console", "dummy", "filebased", "locmem")
)


class Advice(msgspec.Struct, frozen=True):
    level: Literal["error", "warning"]
    setting: str
    problem: str
    #: What to write into the settings; "" where there is nothing to add.
    line: str = ""


def report(plan: Plan) -> list[Advice]:
    return [*_site(plan), *_proxy(plan), *_files(plan), *_several(plan)]


def _origin(plan: Plan, name: str) -> str:
    host = f"*{name}" if name.startswith(".") else name
    port = plan.front.listen[0].port
    return f"https://{host}" + ("" if port == 443 else f":{port}")


def _site(plan: Plan) -> Iterator[Advice]:
    project = plan.project
    names = [EXAMPLE] if plan.names_guessed else list(plan.front.server_names)
    if project.debug:
        yield Advice("error", "DEBUG", "DEBUG is on: errors show the settings to everybody.", "DEBUG = False")
    if not project.secret_key or project.secret_key.startswith("django-insecure-"):
        written = "SECRET_KEY is the one that startproject wrote into the source."
        yield Advice(
            "error",
            "SECRET_KEY",
            written if project.secret_key else "SECRET_KEY is empty, and nothing starts without it.",
            'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]',
        )
    missing = [name for name in names if not _allowed(name, project.allowed_hosts)]
    if plan.names_guessed:
        yield Advice(
            "error",
            "ALLOWED_HOSTS",
            f"No host name is known, so the files say {EXAMPLE}: name it here, or with --host.",
            f'ALLOWED_HOSTS = ["{EXAMPLE}"]',
        )
    elif missing:
        yield Advice(
            "error",
            "ALLOWED_HOSTS",
            f"Requests for {', '.join(missing)} will be answered with 400.",
            f"ALLOWED_HOSTS = {_list([*project.allowed_hosts, *missing])}",
        )
    if project.mailer.rpartition(".")[0] in _NOT_SENT:
        yield Advice(
            "error",
            "MAILERS",
            "E-mails are shown or kept where the server runs, and sent to nobody: name a backend that sends them.",
            'MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}}',
        )
    if "*" in project.allowed_hosts:
        yield Advice(
            "warning",
            "ALLOWED_HOSTS",
            "ALLOWED_HOSTS takes any name: links in e-mails can be made to lead elsewhere.",
            f"ALLOWED_HOSTS = {_list(names)}",
        )


def _proxy(plan: Plan) -> Iterator[Advice]:
    project = plan.project
    if "mod_wsgi" in plan.targets:
        return  # Apache is the server: Django sees the scheme itself.
    secure = plan.front.tls or bool(plan.front.trusted)
    if not secure:
        if project.ssl_redirect:
            yield Advice(
                "warning",
                "SECURE_SSL_REDIRECT",
                "The proxy speaks plain HTTP here: unless another one in front of it speaks HTTPS and is named with "
                "--trusted-proxy, every page redirects for ever.",
            )
        return
    if project.ssl_header != ("HTTP_X_FORWARDED_PROTO", "https"):
        yield Advice(
            "error",
            "SECURE_PROXY_SSL_HEADER",
            "The proxy ends TLS and says so in X-Forwarded-Proto, which Django does not read: request.is_secure() is "
            "false, forms are refused, SECURE_SSL_REDIRECT would redirect for ever.",
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
        )
        origins = [_origin(plan, name) for name in plan.front.server_names]
        lacking = [origin for origin in origins if origin not in project.trusted_origins]
        if lacking:
            yield Advice(
                "warning",
                "CSRF_TRUSTED_ORIGINS",
                "Until Django knows that a request came by HTTPS, it takes forms from these addresses for foreign.",
                f"CSRF_TRUSTED_ORIGINS = {_list([*project.trusted_origins, *lacking])}",
            )
    for setting, on in (
        ("SESSION_COOKIE_SECURE", project.session_secure),
        ("CSRF_COOKIE_SECURE", project.csrf_secure),
    ):
        if not on:
            yield Advice(
                "warning", setting, "Over plain HTTP, the cookie would be sent for all to read.", f"{setting} = True"
            )
    if not project.hsts:
        yield Advice(
            "warning",
            "SECURE_HSTS_SECONDS",
            "Browsers are not told to come by HTTPS alone. Begin with an hour, and raise it when all is well.",
            "SECURE_HSTS_SECONDS = 3600",
        )


def _files(plan: Plan) -> Iterator[Advice]:
    project = plan.project
    if project.has_static and project.static_url and project.static_root is None:
        yield Advice(
            "error",
            "STATIC_ROOT",
            "There is no folder for collectstatic to fill and for the proxy to serve; the files name the one below.",
            f'STATIC_ROOT = BASE_DIR / "{STATIC_FOLDER}"',
        )
    if project.has_static and not project.hashed_static:
        yield Advice(
            "warning",
            "STORAGES",
            "Static files keep their names when they change, so browsers have to ask for them again every hour.",
            'STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}, '
            '"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}',
        )
    if project.media_root is not None and project.static_root is not None:
        media, static = project.media_root, project.static_root
        if media.is_relative_to(static) or static.is_relative_to(media):
            yield Advice(
                "error",
                "MEDIA_ROOT",
                "Uploads and static files share a folder: collectstatic could overwrite what users have sent.",
                'MEDIA_ROOT = BASE_DIR / "media"',
            )


def _several(plan: Plan) -> Iterator[Advice]:
    project, targets = plan.project, plan.targets
    containers = "docker" in targets or "kubernetes" in targets
    spread = plan.front.has_several or "kubernetes" in targets
    processes = spread or plan.server.workers > 1
    if processes and any(backend.endswith("InMemoryChannelLayer") for backend in project.channel_layers):
        yield Advice(
            "error",
            "CHANNEL_LAYERS",
            "The layer in memory ends at its process: messages do not reach consumers in the others.",
            _REDIS,
        )
    if project.layer_times_out:
        yield Advice(
            "error",
            "CHANNEL_LAYERS",
            "redis-py 8 gives up a connection after five seconds, and the layer waits for messages longer: WebSockets "
            "end where nothing is said.",
            _REDIS,
        )
    if (spread or containers) and any("sqlite" in engine for engine, _ in project.databases):
        where = "A container's files end with it" if containers else "Each machine has a file of its own"
        yield Advice(
            "error",
            "DATABASES",
            f"The database is SQLite. {where}: take one that all of them reach.",
            'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["POSTGRES_HOST"], '
            '"NAME": os.environ["POSTGRES_DB"], "USER": os.environ["POSTGRES_USER"], '
            '"PASSWORD": os.environ["POSTGRES_PASSWORD"]}}',
        )


def _allowed(name: str, allowed: tuple[str, ...]) -> bool:
    bare = name.removeprefix(".")
    for pattern in (one.lower() for one in allowed):
        if pattern in ("*", name):
            return True
        if pattern.startswith(".") and (bare == pattern[1:] or bare.endswith(pattern)):
            return True
    return False


def _list(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
