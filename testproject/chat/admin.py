from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from .models import Message

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Message]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Message)
class MessageAdmin(ModelAdmin):
    list_display = ("sent_at", "room", "name", "text")
    list_filter = ("room",)
    search_fields = ("name", "text")
