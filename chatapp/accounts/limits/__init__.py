"""How much somebody may use in a time: token buckets in Redis, and beside it a stricter one in each process.

`allowances` says which buckets a caller has, `meter` takes from them and gives back, `store` and `local` keep them.
docs/limits.md tells the rules.
"""

from chatapp.accounts.limits.meter import (
    Charge,
    Reservation,
    charge_failed_key,
    charge_request,
    find_notice,
    release,
    reserve_question,
    settle,
    using_tokens,
)
from chatapp.accounts.limits.notices import TokensUsed

__all__ = [
    "Charge",
    "Reservation",
    "TokensUsed",
    "charge_failed_key",
    "charge_request",
    "find_notice",
    "release",
    "reserve_question",
    "settle",
    "using_tokens",
]
