from django.db import migrations

# A version is immutable, whoever writes. Beside where it stands and what is said of it, two columns are written once:
# the hash of a draft's weights, where nobody knew it before they came, and what the weights say of themselves.
_REFUSE_CHANGE = """
DROP TRIGGER inference_modelversion_immutable ON inference_modelversion;
CREATE TRIGGER inference_modelversion_immutable BEFORE UPDATE ON inference_modelversion FOR EACH ROW
    WHEN (
        to_jsonb(OLD) - {kept} IS DISTINCT FROM to_jsonb(NEW) - {kept}
        {once}
    )
    EXECUTE FUNCTION inference_modelversion_refuse_change();
"""
_BEFORE = "ARRAY['created_by_id', 'state', 'card', 'copied_from_id']"
_AFTER = "ARRAY['created_by_id', 'state', 'card', 'copied_from_id', 'facts', 'sha256']"
_ONCE = """
        OR (OLD.facts IS NOT NULL AND OLD.facts IS DISTINCT FROM NEW.facts)
        OR (OLD.sha256 <> NEW.sha256 AND (OLD.sha256 <> '' OR OLD.state <> 'draft'))
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0011_flags_of_the_baseline")]

    operations = [
        migrations.RunSQL(_REFUSE_CHANGE.format(kept=_AFTER, once=_ONCE), _REFUSE_CHANGE.format(kept=_BEFORE, once="")),
    ]
