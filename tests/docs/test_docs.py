"""The documentation is held to the code: nothing is left out, nothing dangles, nothing has another name."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from sqlalchemy import make_url

from runlet.agent.config import AgentConfig
from runlet.amqp.definitions import definitions
from runlet.cli.keys import HELP
from runlet.cli.main import ABSENT, ALIASES, COMMANDS, cli
from runlet.cli.options import Options
from runlet.controller.config import ControllerConfig
from runlet.controller.migrations.migrate import migrate
from runlet.errors import Rule
from runlet.model.declaration import Change
from runlet.model.execution import Event, State
from runlet.model.run import ExitCode
from runlet.protocol import frames, messages, views
from runlet.protocol.values import WIRE_NAME
from runlet.spec import schema, tree
from tests.databases import PrivatePostgres
from tests.docs import generated, pages

ALL_PAGES = pytest.mark.parametrize("path", pages.PATHS, ids=pages.name)
NAMES = [name for section in COMMANDS.values() for name in section]
NO_PLAYBOOKS = (
    *("broken.yaml", ".pre-commit-config.yaml"),
    *("workflow.yaml", ".github/workflows/fleet.yaml", ".gitlab-ci.yml"),
)
CLI = pages.read("docs/reference/cli.md")
STATES = pages.read("docs/reference/states.md")
HTTP = pages.read("docs/reference/http-api.md")


# --- every page ----------------------------------------------------------------------------------------------------


@ALL_PAGES
def test_links_and_their_anchors_lead_somewhere(path: Path) -> None:
    for link in pages.links(path.read_text("utf-8")):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_file(), link
        if anchor:
            assert anchor in pages.anchors(target.read_text("utf-8")), link


@ALL_PAGES
def test_generated_parts_are_as_the_code_has_them(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text == generated.renewed(text), "run: .venv/bin/python -m tests.docs.generated"


@ALL_PAGES
def test_playbooks_and_inventories_load(path: Path, tmp_path: Path) -> None:
    for number, block in enumerate(pages.blocks(path.read_text("utf-8"))):
        if block.language == "yaml" and block.title not in NO_PLAYBOOKS:
            kind = "inventory" if (block.title or "").startswith("inventory") else "playbook"
            file = tmp_path / f"{kind}-{number}.yaml"
            file.write_text(block.text)
            found = tree.load([file])
            assert found.jobs or found.inventory


@ALL_PAGES
def test_commands_exist_with_their_options(path: Path) -> None:
    for block in pages.blocks(path.read_text("utf-8")):
        if block.language in ("sh", "console"):
            for step in pages.steps(block):
                for words in runlet_commands(step.command):
                    parse(words)


@ALL_PAGES
def test_commands_named_in_prose_exist(path: Path) -> None:
    known = {*NAMES, *ALIASES, *ABSENT, "COMMAND"}
    for name in re.findall(r"`runlet ([@a-zA-Z-]+)[^`]*`", path.read_text("utf-8")):
        assert name in known or name.startswith("--"), name


def runlet_commands(line: str) -> list[list[str]]:
    """The arguments of each `runlet` in a line of shell."""
    found = []
    words = shlex.split(line, comments=True)
    for at, word in enumerate(words):
        if word == "runlet" and (at == 0 or words[at - 1] in ("|", "&&", ";")):
            rest = words[at + 1 :]
            ends = [index for index, one in enumerate(rest) if one in ("|", "&&", ";", ">") or one.startswith("2>")]
            found.append(rest[: ends[0]] if ends else rest)
    return found


def parse(words: list[str]) -> None:
    """Raises click's UsageError for a command, an option or an argument that does not exist."""
    root = cli.make_context("runlet", [*words], resilient_parsing=False, obj=Options())
    name, command, rest = cli.resolve_command(root, [*root._protected_args, *root.args])
    assert command is not None, words
    command.make_context(name, rest, parent=root)


# --- explanation ----------------------------------------------------------------------------------------------------


def test_the_tests_that_hold_the_promises_exist() -> None:
    page = pages.read("docs/explanation/delivery.md")
    there = {
        name
        for path in pages.ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    promises = [line for line in pages.section(page, "## The promises").splitlines() if line.startswith("| ")][1:]
    for promise in promises:
        held_by = set(re.findall(r"`(test_\w+)`", promise))
        assert held_by, promise
        assert held_by <= there, promise
    assert len(promises) > 10


# --- reference ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", generated.command_names())
def test_every_command_and_option_has_its_place(name: str) -> None:
    part = pages.section(CLI, f"### `runlet {name}`")
    _, command = generated.command_context(name)
    for option in generated.options(command):
        for spelling in option.opts:
            assert spelling in part


def test_absent_commands_are_named() -> None:
    part = pages.section(CLI, "## Not in this version")
    assert all(f"`{name}`" in part for name in ABSENT)
    assert all(f"`runlet {name}`" in CLI for name in ALIASES)


@pytest.mark.parametrize("name", ["playbook", "inventory"])
def test_every_key_of_the_schemas_is_described(name: str) -> None:
    page = pages.read(f"docs/reference/{name}.md")
    content = json.loads((schema.folder() / f"{name}.schema.json").read_text("utf-8"))
    for key in all_properties(content):
        assert re.search(rf"`({key}|[\w<>.]+\.{key}|{key}\.[\w<>.]+)`", page), key


def all_properties(content: object) -> set[str]:
    """Every name under `properties`, however deep."""
    if isinstance(content, list):
        return {name for item in content for name in all_properties(item)}
    if not isinstance(content, dict):
        return set()
    own = set(content.get("properties", {}))
    return own | {name for item in content.values() for name in all_properties(item)}


@pytest.mark.parametrize("kind", get_args(messages.Message), ids=lambda kind: kind.TYPE)
def test_every_message_is_described(kind: type[messages.Message]) -> None:
    page = pages.read("docs/reference/messages.md")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{kind.TYPE}` |")]
    described = re.findall(r"`(\w+)`", row.split("|")[2])
    assert described == [field.name for field in dataclasses.fields(kind)]


def test_timing_is_the_code_s() -> None:
    page = pages.read("docs/reference/messages.md")
    for row in (
        f"| heartbeat | {messages.HEARTBEAT_SECONDS:g}, ",
        f"| a device is stale, offline, after | {messages.STALE_SECONDS:g}, {messages.OFFLINE_SECONDS:g} |",
        f"| heartbeats without an answer before an agent connects anew | {messages.UNANSWERED_HEARTBEATS} of them |",
        f"| input and control are dropped after | {messages.CONTROL_TTL_SECONDS:g} |",
        f"| a watch lapses, is repeated | {messages.WATCH_SECONDS:g}, {messages.WATCH_REPEAT_SECONDS:g} |",
    ):
        assert row in page


LIMITS = {
    "arguments of a run": ("runlet.controller.launches.MAX_ARGUMENTS_BYTES", 128 * 1024),
    "connections to the controller": ("runlet.controller.door.MOST_CONNECTIONS", 2000),
    "files that connections may not have": ("runlet.controller.door.RESERVED_FILES", 256),
    "the head of a request": ("runlet.controller.door.HEAD_SECONDS", 10.0),
    "lines of one kind in a log": ("runlet.program.FOLD_LINES", 50),
    "lines of one kind in a log, within": ("runlet.program.FOLD_SECONDS", 10.0),
    "body of a request": ("runlet.controller.gate.MAX_BODY_BYTES", 16 * 1024**2),
    "output that the controller has not stored": ("runlet.holder.buffer.OUTPUT_LIMIT_BYTES", 1024**2),
    "shown of a device to who types behind much output": ("runlet.cli.console.HURRIED_TAIL_BYTES", 64 * 1024),
    "shown to who types, at most for": ("runlet.cli.console.CATCH_UP_SECONDS", 2.0),
    "typed and under way": ("runlet.protocol.chunk.INPUT_WINDOW_BYTES", 64 * 1024),
    "typed and kept by a console": ("runlet.cli.typeahead.WAITING_BYTES", 16 * 1024**2),
    "typed and not read": ("runlet.holder.keyboard.INPUT_LIMIT_BYTES", 128 * 1024),
    "typed, and nothing is heard of it": ("runlet.controller.typing_window.LOST_SECONDS", 15.0),
    "unanswered commands on the broker": ("runlet.amqp.definitions.DEVICE_QUEUE_MESSAGES", 10_000),
    "input and control on the broker": ("runlet.amqp.definitions.CONTROL_QUEUE_MESSAGES", 1_000),
    "output on the broker": ("runlet.amqp.definitions.OUTPUT_QUEUE_BYTES", 256 * 1024**2),
    "output on the broker, seconds": ("runlet.amqp.definitions.OUTPUT_TTL_SECONDS", 30),
    "events on the broker, bytes": ("runlet.amqp.definitions.EVENT_QUEUE_BYTES", 256 * 1024**2),
    "a message, on the node": ("runlet.local.rabbitmq.MAX_MESSAGE_BYTES", 4 * 1024**2),
    "a chunk of output": ("runlet.protocol.chunk.MAX_OUTPUT_BYTES", 144 * 1024 + 29),
    "news on the broker": ("runlet.amqp.definitions.NEWS_QUEUE_MESSAGES", 1_000),
    "events on the broker": ("runlet.amqp.definitions.EVENT_QUEUE_MESSAGES", 500_000),
    "deliveries of a message": ("runlet.amqp.definitions.DELIVERIES", 20),
    "dead events": ("runlet.amqp.definitions.DEAD_QUEUE_MESSAGES", 1_000),
    "how long a command waits on the broker": ("runlet.amqp.definitions.COMMAND_TTL_SECONDS", 3600),
    "how long dead events are kept": ("runlet.amqp.definitions.DEAD_SECONDS", 7 * 24 * 3600),
    "queues of a device that is away": ("runlet.amqp.definitions.DEVICE_QUEUE_EXPIRES_SECONDS", 30 * 24 * 3600),
    "settled executions that an agent remembers": ("runlet.agent.journal.REMEMBERED_SETTLED", 20_000),
    "programs at once": ("runlet.agent.config.DEFAULT_PARALLEL", 4),
    "the writer's lease": ("runlet.protocol.messages.WRITER_GONE_SECONDS", 60.0),
    "cancel: Ctrl-C to SIGTERM": ("runlet.holder.holder.INTERRUPT_SECONDS", 2.0),
    "cancel: SIGTERM to SIGKILL": ("runlet.holder.holder.TERMINATE_SECONDS", 5.0),
    "output after the end": ("runlet.holder.holder.DRAIN_BYTES", 256 * 1024),
    "a look for facts": ("runlet.agent.facts.LOOK_SECONDS", 60.0),
    "the file of a fact": ("runlet.agent.facts.MAX_FILE_BYTES", 256 * 1024),
    "a battery's step": ("runlet.agent.facts.BATTERY_STEP", 10),
    "a boot time's step": ("runlet.agent.facts.BOOT_STEP", timedelta(minutes=1)),
    "facts of a device": ("runlet.model.facts.MAX_FACTS", 64),
    "text of a fact": ("runlet.model.facts.MAX_TEXT", 128),
    "items of a fact": ("runlet.model.facts.MAX_ITEMS", 64),
    "an event": ("runlet.controller.collector.MAX_EVENT_BYTES", 32 * 1024),
    "output held": ("runlet.agent.output.HOLD_SECONDS", 0.25),
    "output held, bytes": ("runlet.agent.output.HOLD_BYTES", 32 * 1024),
    "output sent again": ("runlet.agent.output.RESEND_SECONDS", 5.0),
    "commands sent again": ("runlet.controller.outbox.RESEND_SECONDS", (5.0, 15.0, 60.0)),
    "a page of a listing": ("runlet.controller.routes.MAX_PAGE", 1000),
    "a page of runs, if nothing else is said": ("runlet.controller.routes.DEFAULT_RUNS", 20),
    "a page of executions, if nothing else is said": ("runlet.controller.routes.DEFAULT_EXECUTIONS", 100),
    "waiting for what another process holds in the database": ("runlet.controller.database.BUSY_SECONDS", 10.0),
    "a statement": ("runlet.controller.database.STATEMENT_SECONDS", 30.0),
    "a frozen transaction": ("runlet.controller.database.IDLE_SECONDS", 60.0),
    "connecting to a database": ("runlet.controller.database.CONNECT_SECONDS", 5),
    "tries of a transaction": ("runlet.controller.store.TRIES", 10),
    "attach's first frame": ("runlet.controller.attach.ATTACH_SECONDS", 10.0),
    "shown of a device on attaching": ("runlet.cli.views.RAW_TAIL_BYTES", 256 * 1024),
    "quiet terminal": ("runlet.holder.attention.QUIET_SECONDS", 0.08),
    "look again": ("runlet.holder.attention.SOON_SECONDS", 0.2),
    "look again after": ("runlet.holder.attention.SELDOM_SECONDS", 1.0),
    "look again soon for": ("runlet.holder.attention.SOON_FOR_SECONDS", 60.0),
    "look at what printed": ("runlet.holder.attention.GONE_ON_SECONDS", 0.2),
    "share of looks": ("runlet.holder.attention.IDLE_SHARE", 0.002),
    "recent output": ("runlet.holder.recent.RECENT_BYTES", 16 * 1024),
    "long silence": ("runlet.holder.holder.LONG_SECONDS", 2.0),
    "lines of a question": ("runlet.agent.wording.MOST_LINES", 12),
    "text of a question": ("runlet.model.prompt.MAX_TEXT", 1000),
    "an answer": ("runlet.model.answer.MAX_BYTES", 4096),
    "text of an answer": ("runlet.model.answer.MAX_TEXT", 1000),
    "who answers": ("runlet.model.answer.MAX_BY", 100),
    "answers in one request": ("runlet.controller.bodies.MAX_ANSWERS", 1000),
    "a request waits for devices": ("runlet.controller.answering.DECISION_SECONDS", 3.0),
    "answers that wait": ("runlet.agent.answers.MAX_BEHIND", 256),
    "prompts whose answers are remembered": ("runlet.agent.answers.REMEMBERED", 16),
    "answers that a device tells of": ("runlet.controller.answers.MAX_TOLD", 1000),
    "reserved versions": ("runlet.agent.executions.RESERVED_VERSIONS", 100),
    "a look at the schedules": ("runlet.controller.scheduler.LOOK_SECONDS", 5.0),
    "a look at devices' time zones": ("runlet.controller.scheduler.ZONES_SECONDS", 60.0),
    "firings of a job": ("runlet.controller.firings.KEPT_FIRINGS", 1_000),
    "devices of `up`": ("runlet.cli.fleet.MOST_DEVICES", 200),
    "a report's output": ("runlet.cli.junit.OUTPUT_BYTES", 16 * 1024),
    "a report's output in all": ("runlet.cli.junit.ALL_OUTPUT_BYTES", 8 * 1024**2),
    "a pause before a start": ("runlet.local.supervisor.MOST_PAUSE_SECONDS", 30.0),
}


@pytest.mark.parametrize("what", LIMITS)
def test_numbers_that_the_pages_state_are_the_code_s(what: str) -> None:
    """A changed number fails here: change the pages (search for the old one), then this table."""
    place, stated = LIMITS[what]
    module, _, constant = place.rpartition(".")
    assert getattr(importlib.import_module(module), constant) == stated


def test_every_error_code_is_in_the_tree() -> None:
    page = pages.read("docs/reference/errors.md")
    (tree,) = [block.text for block in pages.blocks(page) if block.language == "text"]
    codes = [re.match(r"[│├└─ ]*(\w+)", line)[1] for line in tree.splitlines()]  # type: ignore[index]
    assert codes == [kind.code for kind in generated.error_classes()]


@pytest.mark.parametrize("state", State)
def test_every_state_has_its_sentence(state: State) -> None:
    assert f"\n| `{state}` | " in STATES
    four = pages.section(STATES, "## The dissertation's four states")
    assert four.count(f"`{state}`") == 1


@pytest.mark.parametrize("event", Event)
def test_what_no_part_causes_is_said(event: Event) -> None:
    """Looked up in the source: an event that nothing outside the model names is caused by nobody."""
    sources = [path.read_text("utf-8") for path in (pages.ROOT / "runlet").rglob("*.py") if "model" not in path.parts]
    caused = any(f"Event.{event.name}" in source for source in sources)
    [row] = [line for line in pages.section(STATES, "## Events").splitlines() if line.startswith(f"| `{event}` |")]
    assert ("nobody yet" in row) == (not caused)


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_described(code: ExitCode) -> None:
    assert f"\n| {code.value} | " in pages.read("docs/reference/exit-codes.md")


def test_every_route_is_described() -> None:
    source = "".join((pages.ROOT / f"runlet/controller/{name}.py").read_text("utf-8") for name in ("api", "routes"))
    found = re.findall(r'@(?:api|routes)\.(get|post|put|delete|websocket)\("([^"]+)"', source)
    assert ("get", "/healthz") in found
    assert ("websocket", "/v1/runs/{run}/attach") in found
    for method, route in found:
        word = "WebSocket" if method == "websocket" else method.upper()
        assert f"\n| `{word} {route}` | " in HTTP


@pytest.mark.parametrize(
    "kind",
    [
        views.RunView,
        views.RunSummary,
        views.ExecutionView,
        views.JobView,
        views.DeclaredJob,
        views.DeviceView,
        views.PromptView,
        views.AnswerView,
        views.PlanView,
        views.ApplyView,
        views.ScheduleView,
        views.JobScheduleView,
        views.FireTimeView,
        views.FiringView,
        Change,
    ],
)
def test_every_field_of_the_objects_is_described(kind: type[object]) -> None:
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        assert f"`{field.metadata.get(WIRE_NAME, field.name)}`" in HTTP


@pytest.mark.parametrize("kind", get_args(frames.Frame), ids=lambda kind: kind.TYPE)
def test_every_frame_is_described(kind: type[frames.Frame]) -> None:
    part = pages.section(HTTP, "## Attach")
    fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))
    assert f"\n| `{kind.TYPE}` | {fields + ' ' if fields else ''}| " in part


@pytest.mark.parametrize(("heading", "kind"), [("## Agent", AgentConfig), ("## Controller", ControllerConfig)])
def test_every_setting_is_described(heading: str, kind: type[object]) -> None:
    part = pages.section(pages.read("docs/reference/configuration.md"), heading)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name = "listen" if field.name in ("host", "port") else field.name
        assert f"\n| `{name}` | " in part


def test_every_variable_is_described() -> None:
    page = pages.read("docs/reference/configuration.md")
    for path in (pages.ROOT / "runlet").rglob("*.py"):
        for variable in re.findall(r'"(RUNLET_[A-Z_]+)"', path.read_text("utf-8")):
            assert f"| `{variable}` | " in page, variable


def test_the_console_s_keys_are_described() -> None:
    page = pages.read("docs/how-to/attach-and-answer.md")
    for line in HELP[1:-1]:
        keys = line.split()[0].rstrip(",")
        assert f"`{keys.partition('-')[0]}`" in page


def test_words_of_the_glossary_come_once_and_in_order() -> None:
    rows = re.findall(r"^\| (?!word|---)([^|]+) \|", pages.read("docs/reference/glossary.md"), re.MULTILINE)
    assert rows == sorted(set(rows), key=str.lower)


# --- how-to -----------------------------------------------------------------------------------------------------------


def test_the_rights_of_a_device_are_those_that_up_gives() -> None:
    page = pages.read("docs/how-to/run-an-agent-on-another-machine.md")
    calls = [
        shlex.split(step.command)
        for block in pages.blocks(page)
        if block.language == "sh"
        for step in pages.steps(block)
        if step.command.startswith("rabbitmqctl")
    ]
    real = definitions("default", "", {"attic-pi": ""})
    for right in real["permissions"]:
        wanted = [right["user"], right["configure"], right["write"], right["read"]]
        assert ["rabbitmqctl", "set_permissions", "-p", "runlet", *wanted] in calls
    for right in real["topic_permissions"]:
        wanted = [right["user"], right["exchange"], right["write"], right["read"]]
        assert ["rabbitmqctl", "set_topic_permissions", "-p", "runlet", *wanted] in calls
    (limits,) = [json.loads(call[3]) for call in calls if call[1] == "set_user_limits"]
    assert limits == real["users"][1]["limits"]


def test_the_policies_that_the_how_to_imports_are_those_that_up_sets(tmp_path: Path) -> None:
    page = pages.read("docs/how-to/run-an-agent-on-another-machine.md")
    [command] = re.findall(r"^(runlet controller policies --config \S+) \| rabbitmqctl import_def", page, re.MULTILINE)
    [config] = [block.text for block in pages.blocks(page) if block.language == "json" and "listen" in block.text]
    path = tmp_path / "controller.json"
    path.write_text(config)
    arguments = [sys.executable, "-m", "runlet.cli", *command.split()[1:-1], str(path)]
    told = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    real = definitions("default", "", {})["policies"]
    assert told == {"policies": [{**policy, "vhost": "runlet"} for policy in real]}


def test_the_database_of_the_how_to_is_made_and_migrated_as_it_says(postgres: PrivatePostgres):
    page = pages.read("docs/how-to/use-postgresql.md")
    blocks = {block.language: block.text for block in pages.blocks(page)}
    for statement in blocks["sql"].splitlines():
        postgres.ask(statement)
    url = make_url(json.loads(blocks["json"])["database"])
    here = {"host": str(postgres.folder)}  # and a socket, which has no certificate to verify
    done = migrate(url.set(host=None, query=here).render_as_string(hide_password=False))
    assert f"`the database's schema was empty, and has version {done.after} now`" in page


@pytest.mark.parametrize("kind", [AgentConfig, ControllerConfig])
def test_the_configuration_files_of_the_how_to_are_read(
    kind: type[AgentConfig] | type[ControllerConfig], tmp_path: Path
) -> None:
    page = pages.read("docs/how-to/run-an-agent-on-another-machine.md")
    files = [block.text for block in pages.blocks(page) if block.language == "json"]
    (mine,) = [text for text in files if ("device" in json.loads(text)) == (kind is AgentConfig)]
    path = tmp_path / "config.json"
    path.write_text(mine)
    assert kind.read(path).workspace == "default"


VALIDATE = pages.blocks(pages.read("docs/how-to/validate-in-an-editor-and-before-commits.md"))


def _example(title: str) -> Any:
    (text,) = [block.text for block in VALIDATE if block.title == title]
    return yaml.safe_load(text)


def test_the_hook_is_there_and_runs(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load(pages.read(".pre-commit-hooks.yaml"))
    assert [one["id"] for one in _example(".pre-commit-config.yaml")["repos"][0]["hooks"]] == [hook["id"]]
    assert (hook["language"], hook["pass_filenames"]) == ("python", True)
    files = {
        "playbooks/a.yaml": True,
        "ops/playbooks/x/a.yml": True,
        "inventory.home.yaml": True,
        "compose.yaml": False,
    }
    assert {name: bool(re.search(hook["files"], name)) for name in files} == files
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    right.write_text("job: ls\n")
    wrong.write_text("job: 1\n")
    program = [str(Path(sys.executable).with_name("runlet")), *hook["entry"].split()[1:]]
    assert subprocess.run([*program, right], capture_output=True).returncode == 0
    assert subprocess.run([*program, right, wrong], capture_output=True).returncode == 1


def test_the_workflow_uploads_what_it_writes() -> None:
    steps = _example("workflow.yaml")["jobs"]["validate"]["steps"]
    (command,) = [step["run"] for step in steps if step.get("run", "").startswith("runlet ")]
    for words in runlet_commands(command):
        parse(words)
    assert command.endswith(f"> {steps[-1]['with']['sarif_file']}")
    assert steps[-1]["if"] == "always()"


def test_the_editor_s_setting_names_the_saved_schemas() -> None:
    (setting,) = [json.loads(block.text)["yaml.schemas"] for block in VALIDATE if block.language == "json"]
    saved = [
        step.command.split("> ")[1] for block in VALIDATE for step in pages.steps(block) if "> .sch" in step.command
    ]
    assert list(setting) == [f"./{path}" for path in saved]


def test_every_rule_is_described() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|", pages.section(pages.read("docs/reference/errors.md"), "## Mistakes in files"), re.MULTILINE
    )
    assert rows == list(Rule)


def test_wrong_commands_are_noticed() -> None:
    for words in (["nonsense"], ["run"], ["ps", "--nonsense"]):
        with pytest.raises(click.UsageError):
            parse(words)
