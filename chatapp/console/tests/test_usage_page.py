"""Who used how much: for operators, auditors and administrators, on a page and as a file for a spreadsheet."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import Role, User
from chatapp.console.templatetags.figures import NOTHING
from chatapp.inference.models import AnswerOutcome, ModelVersion
from tests.people import PersonFactory

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
PATH, CSV_PATH = "/console/usage/", "/console/usage/csv/"


def use(
    user: User | None, version: ModelVersion | None = None, *, age: timedelta = timedelta(0), **fields: Any
) -> None:
    given = {"prompt_tokens": 100, "completion_tokens": 20, "cost": "0.5", "status": "complete", **fields}
    row = AnswerOutcome.objects.create(generation_id=uuid4(), user=user, version=version, **given)
    AnswerOutcome.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)


def make_version(name: str) -> ModelVersion:
    return ModelVersion.objects.create(name=name, provider="scripted", context_tokens=4096)


def names(page: str) -> list[str]:
    return re.findall(r'data-testid="usage-row" data-name="([^"]*)"', page)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_largest_use_comes_first_and_all_is_summed(client_of: ClientOf, alice: User, bob: User) -> None:
    large, small = make_version("large"), make_version("small")
    use(alice, small)
    use(bob, large, prompt_tokens=5_000, is_cached=False)
    use(bob, large, prompt_tokens=0, completion_tokens=0, cost=0, is_cached=True)
    page = client_of("oscar").get(PATH).content.decode()
    assert names(page) == ["large", "small"]
    none = f"{NOTHING} 95 %: {NOTHING} {NOTHING}"
    rows = (
        f"large 2 1 50.0 % 5,000 20 0.50 {none} small 1 1 0.0 % 100 20 0.50 {none} All 3 2 33.3 % 5,100 40 1.00 {none}"
    )
    assert rows in text_of(page)


BAD = [
    {"user": "\0"},
    {"route": "r" * 151},
    {"from": "2026-01-01"},
    {"from": "2026-02-30", "to": "2026-03-01"},
    {"from": "2026-03-02", "to": "2026-03-01"},
    {"from": "2024-01-01", "to": "2026-03-01"},
    {"from": "0001-01-01", "to": "0001-01-02"},
]


def test_a_longer_time_takes_in_more(client_of: ClientOf, alice: User) -> None:
    for days in (0, 3, 20, 80, 200):
        use(alice, age=timedelta(days=days))
    client = client_of("ada")
    for days, answers in ((1, 1), (7, 2), (30, 3), (90, 4)):
        page = client.get(PATH, {"days": str(days), "by": "user"}).content.decode()
        assert f"alice {answers} 1 0.0 %" in text_of(page)
        assert ("Tokens a day" in page) == (days > 1)
        assert page.count("<g>") == (3 * days if days > 1 else 0)  # answers, tokens, cost


def test_each_day_has_a_bar_in_which_each_version_has_its_part(client_of: ClientOf, alice: User) -> None:
    large, small = make_version("large"), make_version("small")
    use(alice, large, prompt_tokens=900, completion_tokens=0, cost=0)
    use(alice, small, prompt_tokens=100, completion_tokens=0, cost=0)
    use(alice, large, prompt_tokens=450, completion_tokens=50, cost=0, age=timedelta(days=2))
    page = client_of("ada").get(PATH).content.decode()
    tokens = page[page.index("Tokens a day") :]
    bars = re.findall(r'<rect class="series-(\d)" x="(\d+)" y="([\d.]+)" width="8" height="([\d.]+)"', tokens)
    assert bars == [("1", "40", "50.0", "50.0"), ("1", "60", "10.0", "90.0"), ("2", "60", "0.0", "10.0")]
    assert "Most: 1,000 on" in text_of(page)
    assert "Cost a day" not in page  # All of it was free.
    assert len(re.findall(r"<td>(?:large|small)</td>", page)) == 3  # in words, below


def test_the_smaller_versions_share_a_colour(client_of: ClientOf, alice: User) -> None:
    for number in range(8):
        use(alice, make_version(f"v{number}"), prompt_tokens=1_000 - number)
    page = client_of("ada").get(PATH).content.decode()
    assert "v4 Other versions" in text_of(page)
    assert "series-6" in page
    assert "series-7" not in page


def test_seconds_are_lines(client_of: ClientOf, alice: User) -> None:
    version = make_version("v")
    for age, seconds in ((2, 1.0), (2, 1.0), (2, 3.0), (0, 4.0)):
        use(alice, version, age=timedelta(days=age), first_token_seconds=seconds, duration_seconds=9.0)
    page = client_of("ada").get(PATH).content.decode()
    assert re.findall(r'<polyline class="line series-1( line-median)?" points="([^"]+)"', page) == [
        ("", "40,25.7 48,25.7 60,0.0 68,0.0"),
        (" line-median", "40,75.49 48,75.49 60,0.0 68,0.0"),
    ]


def test_all_is_set_beside_the_time_before(client_of: ClientOf, alice: User, bob: User) -> None:
    for age in (0, 1, 2, 8):
        use(alice, age=timedelta(days=age))
    use(bob, age=timedelta(days=9))
    page = text_of(client_of("ada").get(PATH).content.decode())
    assert "Answers 3 50 % more than before People 1 50 % less than before" in page


def test_trials_are_told_apart(client_of: ClientOf, alice: User) -> None:
    use(alice)
    use(alice, is_trial=True, prompt_tokens=7_000)
    page = text_of(client_of("ada").get(PATH).content.decode())
    assert "All 1 1 0.0 % 100 20 0.50" in page
    assert "1 trial answer to measure versions, 7,020 tokens, cost 0.50." in page


def test_page_links_and_file_are_narrowed_alike(client_of: ClientOf, alice: User, bob: User) -> None:
    fast = make_version("fast")
    use(alice, fast, route="default")
    use(bob, fast, route="default")
    use(alice, make_version("slow"), route="other")
    client = client_of("ada")
    query = {"by": "user", "group": "engineering", "route": "default"}
    page = client.get(PATH, query).content.decode()
    assert names(page) == ["alice"]
    file = re.search(r'href="(/console/usage/csv/[^"]*)"', page)
    assert file is not None
    _, row = csv.reader(io.StringIO(client.get(file[1].replace("&amp;", "&")).content.decode(), newline=""))
    assert row[:2] == ["alice", "1"]
    link = re.search(r'<a class="version-name" href="([^"]*)">alice', page)
    assert link is not None
    narrowed = client.get(PATH + link[1].replace("&amp;", "&")).content.decode()
    assert names(narrowed) == [str(timezone.localdate())]
    assert "No answer was given in the last 7 days that meets the filter." in text_of(
        client.get(PATH, {"user": "nobody"}).content.decode()
    )


def test_days_may_be_named(client_of: ClientOf, alice: User) -> None:
    for age in (0, 3, 5):
        use(alice, age=timedelta(days=age))
    today = timezone.localdate()
    query = {"by": "user", "from": str(today - timedelta(days=4)), "to": str(today - timedelta(days=1)), "days": "90"}
    client = client_of("ada")
    page = client.get(PATH, query).content.decode()
    assert "alice 1 1 0.0 %" in text_of(page)
    assert page.count("<g>") == 12
    name = client.get(CSV_PATH, query)["Content-Disposition"]
    assert f"usage-by-user-{query['from']}-to-{query['to']}-" in name


def test_groups_overlap_and_the_sum_counts_everybody_once(client_of: ClientOf, alice: User, mallory: User) -> None:
    use(alice)
    use(mallory)
    page = client_of("ada").get(PATH, {"by": "group"}).content.decode()
    assert sorted(names(page)) == ["In no group", "engineering", "staff"]
    assert "All 2 2 0.0 % 200 40 1.00" in text_of(page)
    assert "counts in both" in page


def test_what_is_deleted_still_counts(client_of: ClientOf) -> None:
    use(None)
    client = client_of("ada")
    assert names(client.get(PATH, {"by": "user"}).content.decode()) == ["Deleted accounts"]
    assert names(client.get(PATH).content.decode()) == ["Deleted versions, and embeddings"]


def test_without_use_the_page_says_so(client_of: ClientOf) -> None:
    assert "No answer was given in the last 7 days." in client_of("ada").get(PATH).content.decode()


@pytest.mark.parametrize(
    "query", [{"days": "2"}, {"days": "-1"}, {"days": "9" * 400}, {"by": "mood"}, {"by": "\0"}, *BAD]
)
@pytest.mark.parametrize("path", [PATH, CSV_PATH])
def test_a_made_up_question_is_refused(client_of: ClientOf, path: str, query: dict[str, str]) -> None:
    assert client_of("ada").get(path, query).status_code == 400


@pytest.mark.parametrize("name,status", [("alice", 404), ("mallory", 404), ("mona", 403), ("oscar", 200), ("ada", 200)])
@pytest.mark.parametrize("path", [PATH, CSV_PATH])
def test_usage_is_for_operators_and_administrators(client_of: ClientOf, name: str, status: int, path: str) -> None:
    assert client_of(name).get(path).status_code == status


def test_an_auditor_reads_it(client_of: ClientOf) -> None:
    PersonFactory(username="otto", roles=[Role.EMPLOYEE, Role.AUDITOR])
    assert client_of("otto").get(PATH).status_code == 200


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_in_the_csv_is_no_formula(client_of: ClientOf, name: str) -> None:
    use(PersonFactory(username=name))
    response = client_of("ada").get(CSV_PATH, {"by": "user", "days": "90"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="usage-by-user-90-days-[\d-]+\.csv"', response["Content-Disposition"])
    heading, row = csv.reader(io.StringIO(response.content.decode(), newline=""))
    assert heading[0] == "user"
    assert row[:6] == [f"'{name}", "1", "0", "100", "20", "0.500000"]


def test_markup_in_a_name_is_inert(client_of: ClientOf) -> None:
    use(PersonFactory(username="<script>alert(1)</script>"))
    assert "<script>alert" not in client_of("ada").get(PATH, {"by": "user"}).content.decode()


def test_a_hundred_rows_are_shown_in_a_fixed_number_of_queries_and_all_are_in_the_csv(
    client_of: ClientOf, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(103):
        use(PersonFactory(username=f"p{number}"), prompt_tokens=1_000 - number)
    client = client_of("ada")
    # Session, user, alarms of break-glass sign-ins; three for rows, three for days, six for all and the time before.
    with django_assert_max_num_queries(15):
        page = client.get(PATH, {"by": "user"}).content.decode()
    assert names(page) == [f"p{number}" for number in range(100)]
    assert "3 more with less use are in the CSV." in page
    assert client.get(CSV_PATH, {"by": "user"}).content.decode().count("\r\n") == 104
