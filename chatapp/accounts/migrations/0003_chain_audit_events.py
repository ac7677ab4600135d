import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# An event is inserted unsealed, sealed once and never changed or removed; only the name of an actor may be blanked.
SEAL = "'{number,name_digest,previous_hash,hash,search}'::text[]"
GUARD = f"""
CREATE FUNCTION guard_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' AND NEW.number IS NULL AND NEW.hash = '' AND NEW.previous_hash = '' AND NEW.name_digest = '' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF OLD.number IS NULL AND NEW.number IS NOT NULL AND NEW.hash <> ''
        AND to_jsonb(NEW) - {SEAL} = to_jsonb(OLD) - {SEAL} THEN
      RETURN NEW;
    END IF;
    IF OLD.number IS NOT NULL AND OLD.actor_id IS NOT NULL AND NEW.actor_name = ''
        AND to_jsonb(NEW) - '{{actor_name,search}}'::text[] = to_jsonb(OLD) - '{{actor_name,search}}'::text[] THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_events_are_kept BEFORE INSERT OR UPDATE OR DELETE ON accounts_auditevent
  FOR EACH ROW EXECUTE FUNCTION guard_audit_events();
CREATE TRIGGER audit_events_are_not_emptied BEFORE TRUNCATE ON accounts_auditevent
  FOR EACH STATEMENT EXECUTE FUNCTION guard_audit_events();
"""
UNGUARD = """
DROP TRIGGER audit_events_are_not_emptied ON accounts_auditevent;
DROP TRIGGER audit_events_are_kept ON accounts_auditevent;
DROP FUNCTION guard_audit_events();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_add_sign_in"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditevent",
            name="address",
            field=models.CharField(blank=True, max_length=45),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="after",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="before",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="hash",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="name_digest",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="number",
            field=models.BigIntegerField(
                help_text="Without gaps, from 1; null until it is sealed.", null=True, unique=True
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="origin",
            field=models.JSONField(
                default=dict, help_text="From where, beside the address: see chatapp/accounts/origin.py."
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="outcome",
            field=models.CharField(
                choices=[("success", "Success"), ("failure", "Failure"), ("denied", "Denied")],
                default="success",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="previous_hash",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="reason",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="actor",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="at",
            field=models.DateTimeField(auto_now_add=True),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.contrib.postgres.search.SearchVector(
                    "actor_name", "action", "reason", "detail", "before", "after", config="simple"
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["-at", "-id"], name="audit_newest"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor", "-at"], name="audit_of_person"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["action", "-at"], name="audit_of_action"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["object_id", "-at"], name="audit_of_object"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["address", "-at"], name="audit_of_address"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(condition=models.Q(("number", None)), fields=["at", "id"], name="audit_unsealed"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search"], name="audit_words"),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
