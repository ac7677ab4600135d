"""docs/configuration.md names every setting that the code reads."""

import re

import pytest

from chatapp.runtime.files import CHECKOUT

READ = re.compile(
    r"""(?:\benv\.\w+|\brequired|\bread_variable|\b_read_number|os\.environ\.get)\(\s*["']([A-Z][A-Z_]+)["']"""
    r"""|os\.environ\[["']([A-Z][A-Z_]+)["']\]"""
)
NO_SETTING = {
    "DJANGO_SETTINGS_MODULE": "set by the product itself",
    "HF_HUB_OFFLINE": "set by the product itself",
    "PATH": "every process has one",
}


def find_settings() -> set[str]:
    sources = [path for path in (CHECKOUT / "chatapp").rglob("*.py") if "tests" not in path.parts]
    found = {first or second for path in sources for first, second in READ.findall(path.read_text())}
    return found - set(NO_SETTING)


def test_the_search_finds_settings() -> None:
    assert {"SECRET_KEY", "PORT", "CHATAPP_HOME", "CHATAPP_DEMO_PASSWORD"} <= find_settings()


@pytest.mark.parametrize("name", sorted(find_settings()))
def test_a_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in (CHECKOUT / "docs" / "configuration.md").read_text()


def test_nothing_is_documented_that_is_not_read() -> None:
    table = re.findall(r"^\| (`[A-Z_`, ]+`) \|", (CHECKOUT / "docs" / "configuration.md").read_text(), re.MULTILINE)
    documented = {name for cell in table for name in re.findall(r"[A-Z_]+", cell)}
    in_makefile = {"PYTHON"}
    compiler = {"CFLAGS", "CXXFLAGS", "CXX"}
    assert documented - find_settings() - in_makefile - compiler == set()
