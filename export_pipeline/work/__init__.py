"""The work folder of a build: what its stages were decided by, what of them may be kept, and what is to be done."""

from __future__ import annotations

from export_pipeline.work.decides import STAGES, decides, made_from
from export_pipeline.work.folder import remove_work, work_folder
from export_pipeline.work.ledger import Ledger
from export_pipeline.work.outlook import Outlook, StageOutlook, outlook

__all__ = [
    "STAGES",
    "Ledger",
    "Outlook",
    "StageOutlook",
    "decides",
    "made_from",
    "outlook",
    "remove_work",
    "work_folder",
]
