"""Runs the schema and every query on three versions of ClickHouse and compares the answers.

Old versions come as Python packages, which hold the whole of ClickHouse; the newest is the embedded engine's library. All run
the same script: the schema, inserts each sent three times under one token, every query from rollups and from rows, fresh parts
beside merged ones, and rollups made anew. Everything is put under target/compat.
"""

import itertools
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import venv
from datetime import datetime, timedelta

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "compat"
RUN = pathlib.Path(__file__).with_name("run.py")

# ClickHouse 23.10 and 24.5. They bracket 24.1, of which there is no package.
PACKAGES = ["chdb==1.4.1", "chdb==2.0.4"]
EMBEDDED = "embedded"

# Which rollup to look at first: it changes no answer. 23.10 does not know the setting yet; 24.1 does (it came with 23.11).
HINT = re.compile(r"\s+SETTINGS preferred_optimize_projection_name = '\w+'")
WITHOUT_HINTS = PACKAGES[0]

# They ask tables of a server about itself, which the packages leave out; only the embedded engine answers them here.
ABOUT_THE_SERVER = ["outdated_parts", "rejected_oldest_day", "unfinished_mutations"]

# They change rows, and are run at the end, in this order.
ERASING = ["erase_session_events", "erase_user_events", "erase_rejected_events"]
ERASED_USER = "u-7"

# They must run everywhere, and answer differently each time: a version, and the room on a disk.
NEVER_THE_SAME = ["version", "-store_status-"]

INSTALL_TIMEOUT_S = 600
RUN_TIMEOUT_S = 300

SEED = 20260301
BATCHES = 4
EVENTS_IN_BATCH = 1200
SENDS = 3

MOMENTS = ["2026-03-01 10:07:30.500", "2026-03-01 10:00:00.000", "2026-03-01 00:00:00.001"]
RANGES = [(3_600, 300), (21_600, 1_800), (86_400, 3_600)]

# A value for every parameter of every query, as the program binds them. A new parameter needs one here.
BINDINGS = [
    {
        "until": until,
        "range_seconds": range_seconds,
        "bucket_seconds": bucket_seconds,
        "since_ms": 0,
        "before_ms": 9_999_999_999_999,
        "before_id": "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "field": field,
        "limit": 100,
        "bytes_max": 0,
        "weeks": 8,
        "by": by,
        "event_name": "feature_used",
        "kind": "funnel",
        "kinds": "['funnel']",
        "name": "it's one",
        "definition": '{"steps": []}',
        "at_ms": 1_772_359_650_500,
        "until_ms": 1_772_359_650_500,
        "names": "['feature_used','signup_started']",
        "masks": "[5,2]",
        "filter_bits": "[1,1,2,4,4,4]",
        "filter_fields": r"['properties.feature','device_type','properties.it\'s','properties.feature','properties.count','properties.feature']",
        "filter_ops": "['contains','=','!=','exists','>','<']",
        "filter_values": r"['F-1','mobile','\\','','5','7']",
        "all_names": "['feature_used','signup_started']",
        "filtered": 1,
        "breakdown": breakdown,
        "broken_down": int(breakdown != ""),
        "entry_steps": 1,
        "sampled": int(one_in > 1),
        "one_in": one_in,
        "before_sign_in": int(one_in > 1),
        "rows_max": 100_000,
        "table": "events",
        "until_seconds": 4_294_967_295,
        "id": "",
        "unfinished": 0,
        "user_id": ERASED_USER,
        "key_high": 12_345_678_901_234_567_890,
        "key_low": 42,
        # What erasure_fingerprint.sql answers to these.
        "fingerprint": "954CCF873FEB434C11BA18FB0BF115A0",
    }
    for (until, (range_seconds, bucket_seconds)), field, by, breakdown, one_in in zip(
        itertools.product(MOMENTS, RANGES),
        itertools.cycle(["", "country_code", "o'clock"]),
        itertools.cycle(["all", "country", "device"]),
        itertools.cycle(["", "country_code", "properties.feature"]),
        itertools.cycle([1, 2]),
    )
]

# What the program sends with every query (src/store/client.rs), and with every insert.
QUERY_SETTINGS = {
    "date_time_output_format": "iso",
    "output_format_json_quote_64bit_integers": 0,
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
    "max_execution_time": 10,
    "max_memory_usage": 2_147_483_648,
    "max_rows_to_read": 20_000_000_000,
    "max_result_rows": 100_000,
    "max_result_bytes": 67_108_864,
}
INSERT_SETTINGS = {
    "insert_deduplicate": 1,
    "async_insert": 0,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 0,
    "max_partitions_per_insert_block": 0,
}


def main() -> None:
    if not (3, 9) <= sys.version_info < (3, 13):
        sys.exit("compat: Python 3.9 to 3.12 is needed, for which old versions of ClickHouse are packaged: make test-compat PYTHON=…")
    library = embedded_library()
    queries = sorted(
        path
        for folder, files in [("src/queries", "**/*.sql"), ("src/store", "*.sql")]
        for path in (ROOT / folder).glob(files)
    )
    of_packages = [path for path in queries if path.stem not in ABOUT_THE_SERVER]
    engines = {package: [install(package), RUN] for package in PACKAGES}
    script, answers = build_script(of_packages)
    scripts = {name: HINT.sub("", script) if name == WITHOUT_HINTS else script for name in engines}
    found = {name: run(name, command, scripts[name], answers) for name, command in engines.items()}
    found[EMBEDDED] = run(EMBEDDED, [sys.executable, RUN, library], *build_script(queries))
    differences = compare(found)
    for difference in differences:
        print(difference, file=sys.stderr)
    if differences:
        sys.exit(f"compat: {len(differences)} differences")
    versions = ", ".join(version(answers) for answers in found.values())
    answers = min(len(answers) for answers in found.values())
    print(f"{len(of_packages)} queries and {answers} answers are the same on ClickHouse {versions}")


def embedded_library() -> pathlib.Path:
    libraries = [*ROOT.glob("engine/node_modules/@chdb/*/libchdb.*")]
    if not libraries:
        sys.exit("compat: the embedded engine is not installed: npm ci --prefix engine")
    return libraries[0]


def install(package: str) -> pathlib.Path:
    """The Python of an environment with the package; made once."""
    directory = WORK / package
    python = directory / "bin" / "python"
    installed = directory / "installed"
    if installed.exists():
        return python
    print(f"compat: installing {package}", flush=True)
    try:
        venv.create(directory, clear=True, with_pip=True)
        # Its dependencies are for data frames, which are not used.
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", package]
        subprocess.run(pip, check=True, timeout=INSTALL_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"compat: {package} cannot be installed; Python with venv and pip, and the network, are needed: {error}")
    installed.touch()
    return python


def run(name: str, command: list, script: str, expected: list) -> dict:
    """The answers of one engine, by name."""
    directory = WORK / f"{name}-run"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    write_events(directory)
    (directory / "script.sql").write_text(script)
    command = [str(part) for part in [command[0], command[1], "script.sql", *command[2:]]]
    environment = {"PATH": os.environ.get("PATH", ""), "TZ": "UTC"}
    try:
        ended = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=RUN_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"compat: {name} has not ended after {RUN_TIMEOUT_S} s")
    missing = [answer for answer in expected if not (directory / answer).exists()]
    if ended.returncode != 0 or missing:
        at = f"at {missing[0]}" if missing else "after the last answer"
        sys.exit(f"compat: {name} ends {at} ({ended.returncode}):\n{ended.stdout}{ended.stderr}")
    return {answer: read_rows(directory / answer) for answer in expected}


def read_rows(path: pathlib.Path) -> list:
    """The rows of an answer, without the time it was given at; of those that have no order, in one of their own."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row.pop("now_seconds", None)
    return sorted(rows, key=json.dumps) if "-funnel_events-" in path.name else rows


def compare(found: dict) -> list:
    """What differs between versions, or between rollups and rows of one."""
    differences = []
    for name, answers in found.items():
        for answer, rows in answers.items():
            if any(part in answer for part in NEVER_THE_SAME):
                continue
            twin = answers.get(answer.replace("-rollups.", "-rows."))
            if twin is not None and rows != twin:
                differences.append(f"{name} {answer}: {rows}\n  but from rows: {twin}")
            elsewhere = found[EMBEDDED][answer]
            if rows != elsewhere:
                differences.append(f"{name} {answer}: {rows}\n  but {EMBEDDED}: {elsewhere}")
    expected = [{"events": BATCHES * EVENTS_IN_BATCH}]
    for name, answers in found.items():
        for answer in [each for each in answers if "-stored" in each and not each.startswith("erased-")]:
            if answers[answer] != expected:
                differences.append(f"{name} {answer}: {answers[answer]}, but sent: {expected}")
        differences.extend(f"{name}: {fault}" for fault in faults_of_erasure(answers))
    return differences


def faults_of_erasure(answers: dict) -> list:
    """What is wrong after a user was erased."""
    [[before], [after]] = [answers[f"{stage}-erasure_counts-0-rows.json"] for stage in ["rebuilt", "erased"]]
    faults = [f"nothing to erase among {kind}: {before}" for kind, rows in before.items() if not rows]
    faults.extend(f"not erased: {after}" for rows in after.values() if rows)
    faults.extend(f"rows name the user: {rows}" for rows in [answers["erased-named.json"]] if rows != [{"events": 0}])
    left = BATCHES * EVENTS_IN_BATCH - before["events"] - before["session_events"]
    faults.extend(
        f"{answer}: {answers[answer]}, but left: {left}"
        for answer in ["erased-stored-rows.json", "erased-stored-rollups.json"]
        if answers[answer] != [{"events": left}]
    )
    return faults


def version(answers: dict) -> str:
    return answers["version.json"][0]["version"]


def build_script(queries: list) -> tuple:
    """The statements for every engine, and the names of the answers they write."""
    answers = []
    script = ["CREATE DATABASE weir", "USE weir"]

    def ask(name: str, sql: str, settings: str) -> None:
        answers.append(f"{name}.json")
        script.append(f"{sql.rstrip()}\nINTO OUTFILE '{name}.json' FORMAT JSONEachRow SETTINGS {settings}")

    def ask_all(stage: str) -> None:
        by_minute = "SELECT toStartOfMinute(timestamp, 'UTC') AS minute, count() AS minute_events FROM events GROUP BY minute"
        stored = f"SELECT toUInt64(sum(minute_events)) AS events FROM ({by_minute})"
        ask(f"{stage}-stored-rows", stored, "optimize_use_projections = 0")
        # An exception where no rollup is used.
        forced = "optimize_use_projections = 1, force_optimize_projection = 1"
        ask(f"{stage}-stored-rollups", stored, forced)
        for path in [each for each in queries if each.stem not in ERASING]:
            for number, bound in enumerate(bindings(path)):
                script.extend(f"SET param_{name} = '{quoted(value)}'" for name, value in bound.items())
                if "\nINSERT INTO " in path.read_text():
                    script.append(path.read_text().rstrip())
                    continue
                for source, used in [("rollups", 1), ("rows", 0)]:
                    ask(f"{stage}-{path.stem}-{number}-{source}", path.read_text(), f"optimize_use_projections = {used}")

    ask("version", "SELECT version() AS version", "max_threads = 1")
    schema = (ROOT / "init-db.sql").read_text()
    # As the program does, so that events of a fixed day stay.
    schema = schema.replace("date + INTERVAL 90 DAY", "date + INTERVAL 36500 DAY")
    script.extend(statement for statement in schema.split(";\n") if statement.strip())
    # Safe to repeat, also on what they lead to.
    for upgrade in sorted((ROOT / "src/store/upgrades").glob("*.sql")):
        script.extend(statement for statement in upgrade.read_text().split(";\n") if statement.strip())
    script.append("ALTER TABLE events MODIFY TTL date + INTERVAL 36500 DAY SETTINGS materialize_ttl_after_modify = 0")
    script.extend(f"SET {name} = '{value}'" for name, value in (QUERY_SETTINGS | INSERT_SETTINGS).items())

    script.extend(insert("rejected_events", "rejected.json"))
    for batch in range(BATCHES - 1):
        script.extend(insert("events", f"events-{batch}.json"))
    script.append("OPTIMIZE TABLE events FINAL")
    # The last batch is late, and stays apart from what it belongs to.
    script.append("SYSTEM STOP MERGES events")
    script.extend(insert("events", f"events-{BATCHES - 1}.json"))
    ask_all("mixed")
    script.append("SYSTEM START MERGES events")
    script.append("OPTIMIZE TABLE events FINAL")
    ask_all("merged")
    # As src/store/rollups.rs does, but waiting where that asks system.mutations how far it is.
    for name, definition in projections(schema):
        script.append(f"ALTER TABLE events DROP PROJECTION IF EXISTS {name}")
        script.append(f"ALTER TABLE events ADD PROJECTION {name} {definition}")
        script.append(f"ALTER TABLE events MATERIALIZE PROJECTION {name} SETTINGS mutations_sync = 2")
    ask_all("rebuilt")
    # The rollups of a part in which rows are erased are made anew with it. The settings are those of src/store/erasing.rs.
    script.append("SET mutations_sync = 2")
    erasing = {path.stem: path.read_text().rstrip() for path in queries if path.stem in ERASING}
    tables = ["events", "rejected_events"]
    for change in ["MODIFY SETTING min_rows_to_fsync_after_merge = 1", "MODIFY SETTING old_parts_lifetime = 1"]:
        script.extend(f"ALTER TABLE {table} {change}" for table in tables)
    script.extend(erasing[name] for name in ERASING)
    reset = "RESET SETTING min_rows_to_fsync_after_merge, old_parts_lifetime"
    script.extend(f"ALTER TABLE {table} {reset}" for table in tables)
    ask_all("erased")
    named = f"SELECT countIf(user_id = '{ERASED_USER}') AS events FROM events"
    ask("erased-named", named, "optimize_use_projections = 0")
    return ";\n".join(script) + ";\n", answers


def insert(table: str, file: str) -> list:
    """An insert and its repetitions, which must change nothing."""
    once = f"INSERT INTO {table} ({', '.join(COLUMNS[table])}) FROM INFILE '{file}' FORMAT JSONEachRow"
    return [f"SET insert_deduplication_token = '{file}'", *[once] * SENDS]


def bindings(path: pathlib.Path) -> list:
    """The distinct values for a query's parameters."""
    names = sorted(set(re.findall(r"\{(\w+):", path.read_text())))
    unknown = [name for name in names if name not in BINDINGS[0]]
    if unknown:
        sys.exit(f"compat: {path.name} has parameters without a value: {', '.join(unknown)}; add them to BINDINGS in {__file__}")
    distinct = {tuple((name, bound[name]) for name in names) for bound in BINDINGS}
    return [dict(bound) for bound in sorted(distinct)]


def quoted(value) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


def projections(schema: str):
    """Each projection of the schema: its name, and its definition in parentheses."""
    for clause in schema.split("\n    ADD PROJECTION IF NOT EXISTS ")[1:]:
        name, rest = clause.split("(", 1)
        depths = itertools.accumulate({"(": 1, ")": -1}.get(character, 0) for character in "(" + rest)
        end = next(index for index, depth in enumerate(depths) if depth == 0)
        yield name.strip(), "(" + rest[:end]


COLUMNS = {
    "events": [
        "event_id", "event_name", "timestamp", "session_id", "user_id", "device_type", "country_code", "properties",
        "received_at", "clock_skew_ms",
    ],
    "rejected_events": ["received_at", "source", "event_index", "field", "reason", "raw", "id"],
}


def write_events(directory: pathlib.Path) -> None:
    """Random events of two days and two months, and some at the edges of minutes, hours and ranges."""
    chance = random.Random(SEED)
    latest = datetime.fromisoformat(MOMENTS[0])
    edges = [
        datetime.fromisoformat(until) - timedelta(seconds=seconds, milliseconds=milliseconds)
        for until in MOMENTS
        for seconds in [0, 30.5, 300, 600, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800]
        for milliseconds in [-1, 0, 1]
    ]
    for batch in range(BATCHES):
        events = []
        for number in range(EVENTS_IN_BATCH):
            ago = timedelta(milliseconds=chance.randrange(49 * 3_600_000))
            at = edges[number] if number < len(edges) else latest - ago
            events.append({
                "event_id": f"{batch}-{number}",
                "event_name": chance.choice(["page_view", "signup_started", "signup_completed", "feature_used", "error_occurred"]),
                "timestamp": at.isoformat(" ", "milliseconds"),
                # With the users fewer than 128, beyond which distinct counts are estimates that depend on the order of merging.
                "session_id": f"s-{chance.randrange(80)}",
                "user_id": chance.choice([None, f"u-{chance.randrange(40)}"]),
                "device_type": chance.choice(["desktop", "mobile"]),
                "country_code": chance.choice(["DE", "US", "ZZ"]),
                "properties": json.dumps({"feature": f"f-{chance.randrange(13)}", "count": chance.randrange(9), "message": f"m-{chance.randrange(9)}"}),
                "received_at": at.isoformat(" ", "milliseconds"),
                "clock_skew_ms": chance.choice([0, -40_000]),
            })
        # A session that a user had alone, partly before signing in.
        for event in [each for each in events if each["session_id"] == "s-0" and each["user_id"] is not None]:
            event["user_id"] = ERASED_USER
        write_rows(directory / f"events-{batch}.json", events)
    rejected = [
        {
            "received_at": (latest - timedelta(seconds=number)).isoformat(" ", "milliseconds"),
            "source": ["ingest", "store"][number % 2],
            "event_index": number,
            "field": ["country_code", "event", "o'clock"][number % 3],
            "reason": "\"XX\" is no country",
            # What was accepted has the user where it belongs.
            "raw": json.dumps({"country_code": "XX\t'", ["userId", "user_id"][number % 2]: f"u-{number | 1}"}),
            "id": f"00000000-0000-4000-8000-{number:012d}",
        }
        for number in range(12)
    ]
    write_rows(directory / "rejected.json", rejected)


def write_rows(path: pathlib.Path, rows: list) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
