"""What stands in place of text that was taken away."""

SAFE_TEXT = (
    "This answer was withheld: a company rule does not allow it to be shown. "
    "If you think that the rule is wrong here, you can appeal: a reviewer then looks at the original answer."
)
RETRACTED_TEXT = (
    "A reviewer has taken this answer back: it breaks a company rule, or is wrong. "
    "If you think that it should stay, you can appeal: another reviewer then looks at it."
)
MASK_TEXT = "[removed by a reviewer]"
