from __future__ import annotations

from django.db import models


class Message(models.Model):
    room = models.CharField(max_length=60)
    name = models.CharField(max_length=60)
    text = models.CharField(max_length=500)
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=["room", "-id"], name="chat_of_a_room"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"
