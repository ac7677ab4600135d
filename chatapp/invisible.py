"""Characters that nobody sees and a model reads all the same: hidden orders and data are smuggled in them.

Unicode TR36 and TR39; the tag characters spell whole sentences in ASCII.
"""

import re

ALWAYS = (
    "\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, directions, invisible operators
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f"  # musical controls, tags
)
# Of use beside other letters than ASCII (Persian, Hebrew, emoji, Han variants), where one at a time is enough.
IN_CONTEXT = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200c-\u200f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef"
_STAND_ALONE = re.compile(f"[{ALWAYS}]")
_OUT_OF_PLACE = re.compile(f"(?<![^\\x00-\\x7f])[{IN_CONTEXT}]+|(?<=[{IN_CONTEXT}])[{IN_CONTEXT}]+")
_JOINS_NOTHING = re.compile(r"[\u200c\u200d](?=[\x00-\x7f]|$)")


def without_invisible(text: str) -> str:
    """For what people and documents say, before it is stored."""
    return _JOINS_NOTHING.sub("", _OUT_OF_PLACE.sub("", without_smuggled(text)))


def without_smuggled(text: str) -> str:
    """Only what never has a use, so that pieces of a text can be cleaned one by one."""
    return _STAND_ALONE.sub("", text)
