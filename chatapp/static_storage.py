from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashes the names in ES module imports too: after a deploy no page mixes old and new modules from its cache."""

    support_js_module_import_aggregation = True
