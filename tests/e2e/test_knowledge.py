"""Collections in a browser: a folder is sent file by file, a passage is edited, who may what."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import DESKTOP, PHONE, Scheme, User, at_browser
from tests.e2e.test_accessibility import assert_sound
from tests.stack import Stack

pytestmark = pytest.mark.e2e
READ_MS = 60_000


@pytest.fixture
def editor(browser: Browser, stack: Stack) -> Iterator[User]:
    """Alice edits the engineering notes of the demo company."""
    with at_browser(browser, stack) as user:
        user.sign_in("alice")
        yield user
        assert user.complaints == []


def delete(user: User, name: str) -> None:
    user.page.get_by_role("button", name=f"Delete {name}", exact=True).click()
    user.page.get_by_role("button", name="Delete", exact=True).click()
    expect(user.page.get_by_test_id("document-row").filter(has_text=name)).to_have_count(0)


def test_a_folder_is_sent_file_by_file_and_a_passage_is_edited(editor: User, tmp_path: Path) -> None:
    folder = tmp_path / f"guides-{uuid4().hex[:8]}"
    (folder / "pumps").mkdir(parents=True)
    (folder / "pumps" / "main.md").write_text(f"# Pump\n\nThe pump {uuid4().hex} runs at 4 bar.")
    (folder / "virus.exe").write_bytes(b"MZ")
    (folder / "liar.pdf").write_text("This is no PDF.")
    (folder / ".hidden").write_text("Nobody sent this.")
    name, page = f"{folder.name}/pumps/main.md", editor.page
    editor.open("/knowledge/")
    page.get_by_test_id("upload-folder").first.locator("input").set_input_files(folder)
    uploads = page.get_by_test_id("uploads").first
    expect(uploads).to_contain_text("1 of 3 files taken, 2 not taken.", timeout=READ_MS)
    expect(uploads).to_contain_text("Files of this kind cannot be read.")
    expect(uploads.get_by_role("button", name=f"Send {folder.name}/liar.pdf again")).to_be_visible()
    assert_sound(editor)
    uploads.get_by_role("button", name="Close").click()
    row = page.get_by_test_id("document-row").filter(has_text=name)
    expect(row).to_have_attribute("data-status", "ready", timeout=READ_MS)
    row.get_by_role("link", name=name).click()
    _edit_the_only_passage(editor)
    page.get_by_text("Versions and original files").click()
    with page.expect_download() as download:
        page.get_by_test_id("version-file").click()
    assert download.value.suggested_filename == "main.md"
    editor.open("/knowledge/")
    delete(editor, name)


def _edit_the_only_passage(editor: User) -> None:
    page = editor.page
    page.get_by_test_id("passage-edit").focus()
    page.keyboard.press("Enter")
    text = page.get_by_label("Text of passage 1")
    expect(text).to_be_focused()
    assert_sound(editor)
    text.fill("The pump runs at 5 bar.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    passage = page.get_by_test_id("passage")
    expect(passage).to_be_focused()
    expect(passage).to_contain_text("at 5 bar")
    expect(page.locator("#announcer")).to_contain_text("The passage is changed.")


def test_pages_of_a_collection_are_sound(browser: Browser, stack: Stack) -> None:
    looks: list[tuple[tuple[int, int], Scheme]] = [(PHONE, "dark"), (DESKTOP, "light")]
    for size, scheme in looks:
        with at_browser(browser, stack, size=size, scheme=scheme) as user:
            user.sign_in("ada")
            user.open("/knowledge/")
            user.page.locator("#collections h2 a").first.click()
            assert_sound(user)
            user.page.get_by_label("Search by name or folder").fill("leave")
            expect(user.page.get_by_test_id("document-row").filter(has_text="working-hours")).to_have_count(0)
            user.page.get_by_role("link", name="Settings", exact=True).last.click()
            assert_sound(user)


def test_who_may_only_read_sees_no_controls(browser: Browser, stack: Stack) -> None:
    with at_browser(browser, stack) as user:
        user.sign_in("bob")
        user.open("/knowledge/")
        assert user.page.get_by_test_id("document-row").count()
        for control in ("upload", "upload-folder", "document-delete"):
            expect(user.page.get_by_test_id(control)).to_have_count(0)
        user.page.get_by_test_id("document-row").first.get_by_role("link").first.click()
        user.page.get_by_test_id("passage").first.wait_for()
        expect(user.page.get_by_test_id("passage-edit")).to_have_count(0)
