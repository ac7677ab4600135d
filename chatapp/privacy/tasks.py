from uuid import UUID

from chatapp.celery import app
from chatapp.privacy.services import erasures, exports, retention


@app.task(expires=3600)
def make_export(export_id: str) -> None:
    exports.make_export(export_id=UUID(export_id))


@app.task(expires=55)
def sweep_exports() -> None:
    for export_id in exports.sweep_exports():
        make_export.delay(str(export_id))


@app.task(expires=600)
def run_retention() -> None:
    retention.run_retention()


@app.task(expires=240)
def run_erasures() -> None:
    erasures.run_due_erasures()
