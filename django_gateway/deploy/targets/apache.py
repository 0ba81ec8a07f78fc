"""Apache: in front of application servers, or with the application inside."""

from __future__ import annotations

from .. import fronts
from ..plan import Plan, PlanError
from ..project import module_file
from .base import File, Target


def _proxy_files(plan: Plan) -> list[File]:
    return [File(f"apache/{plan.front.name}.conf", fronts.apache_site(plan.front, _notes(plan)))]


def _wsgi_files(plan: Plan) -> list[File]:
    file = module_file(plan.server.module)
    if file is None:
        raise PlanError(f"mod_wsgi loads a file, and the module {plan.server.module} is in none.")
    text = fronts.apache_site(plan.front, _notes(plan), plan.server, plan.moved(file))
    return [File(f"mod_wsgi/{plan.front.name}.conf", text)]


def _notes(plan: Plan) -> dict[str, str]:
    return {"file": f"{plan.front.name}.conf", "site": plan.front.name}


mod_proxy = Target(
    name="apache",
    summary="Apache in front, with mod_proxy: TLS, HTTP/2, static files; one or several application servers behind it.",
    files=_proxy_files,
)
mod_wsgi = Target(
    name="mod_wsgi",
    summary="Apache with the application in processes of its own (WSGI, Debian's Python); no other server is needed.",
    files=_wsgi_files,
)
