"""What was used: answers, tokens and cost, of answers and of side work, summed for one reader's rights."""

from chatapp.inference.usage.figures import ArmCost, DayUsage, Speed, Usage, UsageBy, UsageRow, UsageTotal
from chatapp.inference.usage.scope import UsageScope
from chatapp.inference.usage.selectors import UsageTotals, arm_costs, usage_by, usage_per_day, usage_totals

__all__ = [
    "ArmCost",
    "DayUsage",
    "Speed",
    "Usage",
    "UsageBy",
    "UsageRow",
    "UsageScope",
    "UsageTotal",
    "UsageTotals",
    "arm_costs",
    "usage_by",
    "usage_per_day",
    "usage_totals",
]
