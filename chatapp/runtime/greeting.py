"""What stands on the terminal when the product is ready."""

from chatapp.runtime.options import Options

_DEMO_ACCOUNTS = (
    "  alice    employee, group engineering",
    "  bob      employee, group sales",
    "  mallory  employee without a group",
    "  mona     reviewer",
    "  oscar    model operator",
    "  ada      administrator",
)


def compose_greeting(options: Options, *, demo_password: str) -> str:
    lines = [f"Ready: {options.url}"]
    if options.demo:
        lines += ["", f"Demo accounts, each with the password {demo_password}", *_DEMO_ACCOUNTS, ""]
    return "\n".join([*lines, "Ctrl-C stops everything."])
