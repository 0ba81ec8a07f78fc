"""How each format spells a text that may hold anything but control characters. Every function raises QuotingError.

The rules are those of nginx's and Apache's configuration lexers, the Caddyfile, systemd.syntax(7) with its specifiers
and systemd.service(5) for command lines, uWSGI's ini files, and YAML's double-quoted style.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/@*+,=\[\]-]*\Z")


class QuotingError(Exception):
    """A format has no spelling for a text; the message says which and why."""


def checked(text: object) -> str:
    text = str(text)
    if _CONTROL.search(text):
        raise QuotingError(f"{text!r} holds a control character, which no configuration file can.")
    return text


def plain(text: object) -> str:
    """For numbers, names and addresses, which mean the same in every format."""
    text = checked(text)
    if not _PLAIN.match(text):
        raise QuotingError(f"{text!r} is no plain word.")
    return text


def comment(text: object) -> str:
    return checked(text)


def _in_double_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nginx(text: object) -> str:
    """A parameter that nginx takes as it is."""
    text = checked(text)
    return text if _PLAIN.match(text) and text else _in_double_quotes(text)


def nginx_fixed(text: object) -> str:
    """A parameter in which nginx would see a variable, and where none may be."""
    text = checked(text)
    if "$" in text:
        raise QuotingError(f"nginx takes {text!r} for a name with a variable in it: a path without $ is needed there.")
    return nginx(text)


def nginx_with_variables(text: object, identifier: str = "") -> str:
    """A parameter in which nginx looks for variables: a dollar sign has to come from one, which the template makes."""
    return nginx(checked(text)).replace("$", f"${{{identifier}_dollar}}")


def apache(text: object) -> str:
    text = checked(text)
    if re.search(r"[$%]\{", text):
        raise QuotingError(f"Apache would look for a variable in {text!r}: a path without ${{ and %{{ is needed.")
    return _in_double_quotes(text)


def caddy(text: object) -> str:
    text = checked(text)
    if re.search(r"[{}]", text):
        raise QuotingError(f"Caddy would look for a placeholder in {text!r}: a path without braces is needed.")
    return text if _PLAIN.match(text) and text else _in_double_quotes(text)


def systemd(text: object) -> str:
    """A setting that systemd takes to the end of the line."""
    return checked(text).replace("%", "%%")


def systemd_word(text: object) -> str:
    """One of several words."""
    text = systemd(text)
    return text if _PLAIN.match(text.replace("%%", "")) else _in_double_quotes(text)


def systemd_argument(text: object) -> str:
    """A word of a command line, in which systemd looks for variables as well."""
    return systemd_word(text).replace("$", "$$")


def systemd_environment(text: object) -> str:
    """A value in an EnvironmentFile."""
    text = checked(text)
    return text if _PLAIN.match(text) else '"' + re.sub(r'([\\"$`])', r"\\\1", text) + '"'


def shell(text: object) -> str:
    return shlex.quote(checked(text))


def yaml(text: object) -> str:
    """A double-quoted scalar: JSON's strings are YAML's too."""
    return json.dumps(checked(text), ensure_ascii=False)


def compose(text: object) -> str:
    """A YAML scalar in which Docker Compose looks for variables."""
    return yaml(text).replace("$", "$$")


def yaml_block(text: object) -> str:
    """Lines of a literal block scalar, four spaces deep."""
    return "\n".join(f"    {checked(line)}".rstrip() for line in str(text).splitlines())


def ready(text: object) -> str:
    """What has been put together and quoted before."""
    return checked(text)


def python(text: object) -> str:
    return json.dumps(checked(text), ensure_ascii=False)


def uwsgi(text: object) -> str:
    """A value in uWSGI's ini file, which takes a line to its end but looks for %, $( and @( in it."""
    text = checked(text)
    if re.search(r"[$@]\(", text) or text != text.strip():
        raise QuotingError(f"uWSGI's ini file has no spelling for {text!r}: a path without $( and @( is needed.")
    return text.replace("%", "%%")


#: The filters of the templates. Each variable of a template goes through one of them.
FILTERS: Final[dict[str, Callable[..., str]]] = {
    function.__name__: function
    for function in (
        plain,
        comment,
        nginx,
        nginx_fixed,
        nginx_with_variables,
        apache,
        caddy,
        systemd,
        systemd_word,
        systemd_argument,
        systemd_environment,
        shell,
        yaml,
        compose,
        yaml_block,
        ready,
        python,
        uwsgi,
    )
}
