from chatapp.privacy.models.erasures import Erasure, ErasureStatus
from chatapp.privacy.models.exports import DataExport, ExportStatus
from chatapp.privacy.models.keys import DataKey
from chatapp.privacy.models.retention import HoldScope, Kind, LegalHold, RetentionRule, RetentionRun

__all__ = [
    "DataExport",
    "DataKey",
    "Erasure",
    "ErasureStatus",
    "ExportStatus",
    "HoldScope",
    "Kind",
    "LegalHold",
    "RetentionRule",
    "RetentionRun",
]
