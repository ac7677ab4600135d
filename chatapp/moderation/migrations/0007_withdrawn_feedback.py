from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("moderation", "0006_replay_slices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="feedback",
            name="status",
            field=models.CharField(
                choices=[
                    ("new", "New"),
                    ("acknowledged", "Acknowledged"),
                    ("answered", "Answered"),
                    ("done", "Done"),
                    ("withdrawn", "Withdrawn"),
                ],
                default="new",
                max_length=16,
            ),
        ),
    ]
