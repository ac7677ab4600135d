"""What a browser finds on the page from which it goes on to a provider."""

import re
from html import unescape
from typing import Any

_LINK = re.compile(r'<a [^>]*href="([^"]+)"[^>]*data-testid="leave"')
_REFRESH = re.compile(r'<meta http-equiv="refresh" content="0;url=([^"]+)">')


def way_out(page: Any) -> str:
    """Where it leads by itself and by its link. Forms of the page lead to no other host."""
    assert page.status_code == 200, page
    text = page.content.decode()
    link, refresh = _LINK.search(text), _REFRESH.search(text)
    assert link is not None
    assert refresh is not None
    assert link[1] == refresh[1]
    assert "form-action 'self';" in page["Content-Security-Policy"] + ";"
    return unescape(link[1])
