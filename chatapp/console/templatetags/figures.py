"""Times, shares and prices as the console writes them."""

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from chatapp.inference.budgets.standings import words_of
from chatapp.inference.models import BudgetUnit
from chatapp.inference.usage import Usage

register = template.Library()

_UNITS = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"))
NOTHING = "\N{EN DASH}"


@register.filter
def ago(at: datetime) -> str:
    """`3 min ago`; what lies less than ten seconds back, or ahead by another clock, is `just now`."""
    seconds = int((timezone.now() - at).total_seconds())
    for size, one, many in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {one if count == 1 else many} ago"
    return f"{seconds} s ago" if seconds >= 10 else "just now"


@register.simple_tag
def when(at: datetime) -> str:
    """`3 min ago`, and the very time for who points at it. A tag: an included file ends in a space before a stop."""
    moment = timezone.localtime(at)
    exactly = date_format(moment, "j M Y, H:i:s T")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exactly, ago(at))


@register.filter
def due(at: datetime) -> str:
    """`due in 2 h`, `overdue by 3 h`; within the last minute before or after, `due now`."""
    left = int((at - timezone.now()).total_seconds())
    for size, one, many in _UNITS:
        if abs(left) >= size:
            count = abs(left) // size
            unit = one if count == 1 else many
            return f"due in {count} {unit}" if left > 0 else f"overdue by {count} {unit}"
    return "due now"


@register.filter
def seconds(value: float | None) -> str:
    """Two figures below ten seconds, whole seconds above."""
    if value is None:
        return NOTHING
    return f"{value:.2f} s" if value < 10 else f"{value:,.0f} s"


@register.filter
def milliseconds(value: float) -> str:
    """Of less than a second, thousandths of one."""
    if value >= 1:
        return seconds(value)
    return f"{1000 * value:.1f} ms" if value < 0.01 else f"{1000 * value:.0f} ms"


@register.filter
def lasted(value: float | None) -> str:
    """`12 s`, `3.5 min`, `2.0 h`, `1.5 days`."""
    if value is None:
        return NOTHING
    for size, _one, many in _UNITS:
        if value >= size:
            return f"{value / size:.1f} {many}"
    return f"{value:.0f} s"


@register.filter
def roughly(value: float) -> str:
    """A time that is only estimated: `about 5 min`."""
    for size, one, many in _UNITS:
        if value >= size:
            count = round(value / size)
            return f"about {count} {one if count == 1 else many}"
    return "less than a minute"


@register.filter
def share(part: int, whole: int) -> str:
    """A percentage with one decimal; nothing where there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


@register.filter
def percent(value: float) -> str:
    """Of a figure in percent: as many decimals as it has, at most two."""
    return f"{round(value, 2):g} %"


@register.filter
def rate(value: float) -> str:
    """Of a figure from 0 to 1, a percentage without decimals."""
    return f"{100 * value:.0f} %"


@register.filter
def thousands(value: int) -> str:
    return f"{value:,}"


@register.filter
def price(value: Decimal) -> str:
    """At least two decimals, and as many more as it has."""
    text = f"{value.normalize():f}"
    decimals = len(text.partition(".")[2])
    return f"{value:,.{max(2, decimals)}f}"


@register.filter
def money(value: Decimal) -> str:
    """Two decimals; what is less than the smallest of them, and not nothing, says so."""
    return "< 0.01" if 0 < value < Decimal("0.01") else f"{value:,.2f}"


@register.filter
def amount(value: Decimal | None, unit: str) -> str:
    """Of a budget: `10,000 tokens`, `5.00 of cost`."""
    return NOTHING if value is None else words_of(value, BudgetUnit(unit))


@register.filter
def tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens


@register.filter
def gigabytes(value: int) -> str:
    """`1.5 GB`; of what is small `3.2 MB`, `12 KB`. Of bytes, in powers of ten."""
    if value and value < 1e5:
        return f"{value / 1e3:,.0f} KB"
    return f"{value / 1e6:,.1f} MB" if value and value < 1e8 else f"{value / 1e9:,.1f} GB"
