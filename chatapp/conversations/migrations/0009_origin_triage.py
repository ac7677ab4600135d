from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0008_reviewed_message"),
    ]

    operations = [
        migrations.AlterField(
            model_name="conversation",
            name="origin",
            field=models.CharField(
                choices=[("page", "Page"), ("api", "Api"), ("triage", "Triage")], default="page", max_length=8
            ),
        ),
    ]
