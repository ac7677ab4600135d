"""What was used: answers, tokens and cost, of answers and of side work, summed for one reader's rights."""

from chatapp.inference.usage.figures import DayUsage, Speed, Usage, UsageBy, UsageRow, UsageTotal
from chatapp.inference.usage.scope import UsageScope
from chatapp.inference.usage.selectors import UsageTotals, usage_by, usage_per_day, usage_totals

__all__ = [
    "DayUsage",
    "Speed",
    "Usage",
    "UsageBy",
    "UsageRow",
    "UsageScope",
    "UsageTotal",
    "UsageTotals",
    "usage_by",
    "usage_per_day",
    "usage_totals",
]
