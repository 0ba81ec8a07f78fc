from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Makes a superuser named demo with the password demo, where there is none yet. Only with DEBUG."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("A password that everybody knows is for DEBUG only.")
        if not User.objects.filter(username="demo").exists():
            User.objects.create_superuser("demo", password="demo")
            self.stdout.write("Made the user demo with the password demo.")
