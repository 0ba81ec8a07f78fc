"""nginx, Apache and Caddy from a ``Front``: what gatewaydeploy writes is what ``gatewayserve --behind`` runs."""

from __future__ import annotations

import posixpath
from typing import Any, Final

from .rendering import render
from .values import Front, FrontProcess, Server, Upstream

_MODULES: Final = (
    "mpm_event",
    "authz_core",
    "alias",
    "deflate",
    "dir",
    "filter",
    "headers",
    "http2",
    "lbmethod_bybusyness",
    "log_config",
    "logio",
    "mime",
    "proxy",
    "proxy_balancer",
    "proxy_http",
    "proxy_wstunnel",
    "remoteip",
    "reqtimeout",
    "rewrite",
    "slotmem_shm",
    "socache_shmcb",
    "ssl",
    "unique_id",
)
#: Debian's ports.conf listens there; a site's own file says the others.
_USUAL: Final = (80, 443)
#: Headers with which a client could pass for the proxy. mod_proxy passes underscores on, as no other proxy does.
_UNTRUSTED: Final = (
    "Proxy",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Protocol",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Real-IP",
    "X-Script-Name",
    "X_Forwarded_For",
    "X_Forwarded_Host",
    "X_Forwarded_Port",
    "X_Forwarded_Prefix",
    "X_Forwarded_Proto",
    "X_Forwarded_Protocol",
    "X_Forwarded_Server",
    "X_Forwarded_Ssl",
    "X_Real_IP",
    "X_Request_ID",
    "X_Script_Name",
    "Remote_User",
)


def nginx_site(front: Front, notes: dict[str, Any] | None = None) -> str:
    """What stands inside ``http { }``. ``notes`` add the comments for a person who installs it."""
    dollar = any("$" in folder.path for folder in front.folders)
    return render("nginx/site.conf", {"front": front, "notes": {**_notes(front, notes), "dollar": dollar}})


def nginx_process(process: FrontProcess, site: str) -> str:
    """A whole nginx.conf with the site's file, for ``nginx -p FOLDER -c nginx.conf``."""
    return render("nginx/process.conf", {"process": process, "site": site})


def apache_site(
    front: Front, notes: dict[str, Any] | None = None, server: Server | None = None, script: str = ""
) -> str:
    """Virtual hosts. With ``server`` the application runs inside Apache (mod_wsgi), from the file ``script``."""
    values = {
        "front": front,
        "notes": _notes(front, notes),
        "server": server,
        "listen": [address for address in (*front.listen, *front.redirect) if address.port not in _USUAL],
        "script": script,
        "script_folder": posixpath.dirname(script),
        "names": _apache_names(front),
        "untrusted": _UNTRUSTED,
        "members": [_apache_url(upstream, number) for number, upstream in enumerate(front.upstreams)],
        "backend": f"balancer://{front.name}/" if front.has_several else _apache_url(front.upstreams[0], 0) + "/",
    }
    return render("apache/site.conf", values)


def apache_process(process: FrontProcess, front: Front, site: str) -> str:
    """A whole httpd.conf with the site's file, for ``apache2 -d FOLDER -f httpd.conf -DFOREGROUND``."""
    names = [name for name in (*_MODULES, *(["wsgi"] if process.wsgi else [])) if name not in process.built_in]
    modules = [(name, f"{process.modules}/mod_{name}.so") for name in names]
    listen = [address for address in (*front.listen, *front.redirect) if address.port in _USUAL]
    return render("apache/process.conf", {"process": process, "modules": modules, "listen": listen, "site": site})


def caddy_site(front: Front, notes: dict[str, Any] | None = None, process: FrontProcess | None = None) -> str:
    """A whole Caddyfile; with ``process`` one that keeps everything in its folder and has no admin endpoint."""
    scheme = "https" if front.tls else "http"
    names = [f"*{name}" if name.startswith(".") else name for name in front.server_names]
    names += [name[1:] for name in front.server_names if name.startswith(".")]
    ports = dict.fromkeys(address.port for address in front.listen)
    usual = 443 if front.tls else 80
    values = {
        "front": front,
        "notes": _notes(front, notes),
        "process": process,
        "names": names or [""],
        "sites": [
            f"{scheme}://{name}{'' if port == usual and name else f':{port}'}"
            for port in ports
            for name in names or [""]
        ],
        "ports": list(ports),
        "hosts": list(dict.fromkeys(address.host for address in front.listen if address.host)),
        "upstreams": [f"unix/{one.path}" if one.path else str(one.address) for one in front.upstreams],
    }
    return render("caddy/Caddyfile", values)


def _notes(front: Front, notes: dict[str, Any] | None) -> dict[str, Any]:
    """With the port that a redirect has to name, if it is not the usual one."""
    port = front.listen[0].port
    return {
        "file": "",
        "opening": (),
        "site": "",
        "acme": (),
        "https_port": 0 if port == 443 else port,
        **(notes or {}),
    }


def _apache_names(front: Front) -> list[str]:
    names = []
    for name in front.server_names or ("localhost",):
        names += [name[1:], f"*{name}"] if name.startswith(".") else [name]
    return names


def _apache_url(upstream: Upstream, number: int) -> str:
    # The name after the socket's path tells the members of a balancer apart.
    return f"unix:{upstream.path}|http://backend{number}" if upstream.path else f"http://{upstream.address}"
