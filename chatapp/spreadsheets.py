"""Cells for spreadsheets, which would run text that begins like a formula (OWASP: CSV Injection)."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutralize(cell: object) -> object:
    """Text that begins like a formula gets an apostrophe; numbers and dates stay what they are."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def restore(cell: str) -> str:
    """What `neutralize` was given, of a cell that comes back."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
