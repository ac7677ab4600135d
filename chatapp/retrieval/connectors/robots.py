"""robots.txt (RFC 9309): which paths of a site a program may read, and how fast."""

from dataclasses import dataclass, field

MAX_BYTES = 512_000  # The RFC asks for 500 kibibytes at least.
_MAX_RULES = 2_000
_MAX_DELAY = 10.0


@dataclass(frozen=True, slots=True)
class Robots:
    """`rules` are (pattern, allowed); without any, everything may be read. `delay` is in seconds."""

    rules: list[tuple[str, bool]] = field(default_factory=list)
    delay: float = 0.0
    sitemaps: list[str] = field(default_factory=list)

    def may_read(self, path: str) -> bool:
        """The longest pattern that fits decides, and of two equal ones that which allows (2.2.2)."""
        fitting = [(len(pattern), allowed) for pattern, allowed in self.rules if _fits(pattern, path)]
        return max(fitting, default=(0, True))[1]


ALLOW_ALL = Robots()
ALLOW_NONE = Robots(rules=[("/", False)])


def read_robots(text: str, agent: str) -> Robots:
    """The group that names `agent`, else the one of `*`."""
    groups: dict[str, tuple[list[tuple[str, bool]], list[float]]] = {}
    named: list[str] = []
    sitemaps: list[str] = []
    in_rules = False
    for line in text.splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "user-agent":
            named = [] if in_rules else named
            in_rules = False
            named.append(value.lower())
            groups.setdefault(value.lower(), ([], []))
        elif name in {"allow", "disallow", "crawl-delay"}:
            in_rules = True
            for one in named:
                _add(groups[one], name, value)
        elif name == "sitemap":
            sitemaps.append(value)
    own = next((one for one in groups if one != "*" and one and agent.lower().startswith(one)), "*")
    rules, delays = groups.get(own, ([], []))
    return Robots(rules[:_MAX_RULES], max(delays, default=0.0), sitemaps[:10])


def _add(group: tuple[list[tuple[str, bool]], list[float]], name: str, value: str) -> None:
    rules, delays = group
    if name != "crawl-delay":
        if value:  # "Disallow:" forbids nothing
            rules.append((value, name == "allow"))
    elif value.replace(".", "", 1).isdecimal() and value.isascii() and len(value) < 10:
        delays.append(min(float(value), _MAX_DELAY))


def _fits(pattern: str, path: str) -> bool:
    """A prefix, with `*` for anything and `$` for the end; in time that grows with the path only."""
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    for number, part in enumerate(others, 1):
        if pattern.endswith("$") and number == len(others):
            return len(path) - len(part) >= at and path.endswith(part)
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return not pattern.endswith("$") or at == len(path)
