"""``manage.py gatewayserve``: arguments only; what they mean is in ``servers.options`` and ``supervisor``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import supports_color

from ...servers import options as spelled
from ...supervisor import serve


class Command(BaseCommand):
    help = "Serves the project for development through a gateway interface, on a real server, with a panel beside it."
    requires_system_checks = ()  # the workers run them, at each restart
    suppressed_base_arguments = {"--verbosity", "--traceback"}  # noqa: RUF012 - as the base class has it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = "What follows -- goes to the server as it is."
        spelled.add_arguments(parser)

    def run_from_argv(self, argv: list[str]) -> None:
        # argparse would take what follows -- for positional arguments of ours.
        separator = argv.index("--") if "--" in argv else len(argv)
        self.passed_on = tuple(argv[separator + 1 :])
        super().run_from_argv(argv[:separator])

    def handle(self, *args: Any, **given: Any) -> None:
        if passed_on := getattr(self, "passed_on", ()):
            given["arguments"] = passed_on
        color = given["force_color"] or (supports_color() and not given["no_color"])
        try:
            code = serve.serve(given, color=color, no_color=given["no_color"])
        except serve.REFUSALS as error:
            raise CommandError(str(error)) from error
        if code:
            sys.exit(code)
