"""What deployment has to know of a project, read once from its settings."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec


class ProjectError(Exception):
    """The project can't be deployed as it is; the message says why, and what to add."""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    base: Path
    settings_module: str
    debug: bool
    secret_key: str
    #: ``module.attribute``; "" where the settings name none.
    wsgi: str
    asgi: str
    allowed_hosts: tuple[str, ...]
    #: Normalized: "/static/"; "" where another host serves them, or nobody.
    static_url: str
    static_root: Path | None
    has_static: bool
    hashed_static: bool
    media_url: str
    media_root: Path | None
    #: ENGINE and NAME of each database.
    databases: tuple[tuple[str, str], ...]
    caches: tuple[str, ...]
    #: BACKEND of each layer.
    channel_layers: tuple[str, ...]
    #: Whether a layer in Redis gives its connections up while it waits for messages.
    layer_times_out: bool
    #: BACKEND of the default mailer (Django 6.1 and later); "" where it is not set.
    mailer: str
    middleware: tuple[str, ...]
    ssl_header: tuple[str, ...]
    trusted_origins: tuple[str, ...]
    ssl_redirect: bool
    session_secure: bool
    csrf_secure: bool
    hsts: str


#: Where the settings have no STATIC_ROOT: what the report tells to add, so that what is generated fits it.
STATIC_FOLDER: Final = "staticfiles"


def read() -> Project:
    """The project of the settings in force. Raises what the settings raise."""
    from django.conf import settings

    base = Path(os.path.abspath(getattr(settings, "BASE_DIR", None) or Path.cwd()))
    storages = settings.STORAGES.get("staticfiles", {}).get("BACKEND", "")
    layers = getattr(settings, "CHANNEL_LAYERS", None) or {}
    return Project(
        base=base,
        settings_module=settings.SETTINGS_MODULE,
        debug=bool(settings.DEBUG),
        secret_key=_secret_key(settings),
        wsgi=getattr(settings, "WSGI_APPLICATION", None) or "",
        asgi=getattr(settings, "ASGI_APPLICATION", None) or "",
        allowed_hosts=tuple(settings.ALLOWED_HOSTS),
        static_url=_url(settings.STATIC_URL),
        static_root=_folder(settings.STATIC_ROOT),
        has_static=_has_static(settings.INSTALLED_APPS),
        hashed_static="Manifest" in storages,
        media_url=_url(settings.MEDIA_URL) if settings.MEDIA_ROOT else "",
        media_root=_folder(settings.MEDIA_ROOT),
        databases=tuple(
            (str(one.get("ENGINE", "")), str(one.get("NAME", ""))) for one in settings.DATABASES.values() if one
        ),
        caches=tuple(str(one.get("BACKEND", "")) for one in settings.CACHES.values()),
        channel_layers=tuple(str(one.get("BACKEND", "")) for one in layers.values()),
        layer_times_out=_layer_times_out(layers),
        mailer=str((getattr(settings, "MAILERS", None) or {}).get("default", {}).get("BACKEND", "")),
        middleware=tuple(settings.MIDDLEWARE),
        ssl_header=tuple(settings.SECURE_PROXY_SSL_HEADER or ()),
        trusted_origins=tuple(settings.CSRF_TRUSTED_ORIGINS),
        ssl_redirect=bool(settings.SECURE_SSL_REDIRECT),
        session_secure=bool(settings.SESSION_COOKIE_SECURE),
        csrf_secure=bool(settings.CSRF_COOKIE_SECURE) or bool(settings.CSRF_USE_SESSIONS),
        hsts=_hsts(settings),
    )


def _has_static(installed: Sequence[str]) -> bool:
    """Where the apps are not loaded, their names have to do."""
    from django.apps import apps

    name = "django.contrib.staticfiles"
    if apps.apps_ready:
        return apps.is_installed(name)
    return any(app == name or app.startswith(f"{name}.") for app in installed)


def _secret_key(settings: Any) -> str:
    """Django refuses to give an empty one out."""
    from django.core.exceptions import ImproperlyConfigured

    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        return ""


def _layer_times_out(layers: Mapping[str, Any]) -> bool:
    """redis-py 8 gives a connection five seconds unless it is told otherwise, and channels_redis waits for longer."""
    try:
        newest = int(metadata.version("redis").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return newest >= 8 and any(
        str(layer.get("BACKEND", "")).startswith("channels_redis.core.")
        and any(
            not (isinstance(host, dict) and "socket_timeout" in host)
            for host in layer.get("CONFIG", {}).get("hosts") or ["redis://localhost:6379"]
        )
        for layer in layers.values()
    )


def _folder(value: Any) -> Path | None:
    return Path(os.path.abspath(value)) if value else None


def _url(value: str | None) -> str:
    """The path that a proxy looks for; "" for an address on another host, and for the whole site."""
    parts = urlsplit(str(value or ""))
    if parts.netloc or parts.path.strip("/") == "":
        return ""
    return f"/{parts.path.strip('/')}/"


def _hsts(settings: Any) -> str:
    """Strict-Transport-Security as SecurityMiddleware writes it."""
    seconds = settings.SECURE_HSTS_SECONDS
    if not seconds:
        return ""
    return "; ".join(
        [
            f"max-age={seconds}",
            *(["includeSubDomains"] if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else []),
            *(["preload"] if settings.SECURE_HSTS_PRELOAD else []),
        ]
    )


def application(project: Project, interface: str, given: str) -> tuple[str, str]:
    """Module and attribute of the application. Raises ProjectError where there is none, or where it is certain that
    what is named is no module."""
    setting = f"{interface.upper()}_APPLICATION"
    path = given or (project.wsgi if interface == "wsgi" else project.asgi)
    package = project.settings_module.partition(".")[0]
    if not path and interface == "asgi" and _exists(f"{package}.asgi"):
        path = f"{package}.asgi.application"
    if not path:
        raise ProjectError(
            f'{setting} is not set: add {setting} = "{package}.{interface}.application" to the settings, or name the '
            "application with --application."
        )
    module, separator, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    names = f"{module}.{attribute}".split(".")
    if not separator or not all(name.isidentifier() and name.isascii() for name in names):
        raise ProjectError(f"{path!r} is no application: it takes the form module.attribute.")
    if not _exists(module):
        raise ProjectError(f"{path!r} is to be the application, but there is no module {module}.")
    return module, attribute


def module_file(module: str) -> Path | None:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(found.origin) if found and found.origin else None


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
