from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import User, at_browser
from tests.stack import Stack


@pytest.fixture(scope="session")
def scripted_stack(stack: Stack) -> Stack:
    """The running product with the scripted model on the default route."""
    stack.serve("scripted")
    return stack


@pytest.fixture
def alice(browser: Browser, scripted_stack: Stack) -> Iterator[User]:
    """Signed in, on a new chat; the test fails when her browser had anything to complain about."""
    with at_browser(browser, scripted_stack) as user:
        user.sign_in("alice")
        yield user
        assert user.complaints == []
