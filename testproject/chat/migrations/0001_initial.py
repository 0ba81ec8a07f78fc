from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("room", models.CharField(max_length=60)),
                ("name", models.CharField(max_length=60)),
                ("text", models.CharField(max_length=500)),
                ("sent_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("-pk",),
                "indexes": [models.Index(fields=["room", "-id"], name="chat_of_a_room")],
            },
        ),
    ]
