"""Lines as well-known loggers write them become events with the same six facts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_cli.pipe import logfmt, ndjson
from penstock_cli.pipe.shapes import SHAPES, shape_of

MOMENT = 1_700_000_000_000_000_000
ISO = "2023-11-14T22:13:20.000Z"

# logger, line, then: message, level, name, pid, and what is left as fields
LINES = [
    ("pino", '{"level":30,"time":1700000000000,"pid":657,"hostname":"h1","name":"side","msg":"hello","qty":2}',
     "hello", 20, "side", 657, {"qty": 2, "hostname": "h1"}),
    ("pino", '{"level":50,"time":1700000000000,"pid":657,"hostname":"h1","err":{"type":"E","message":"m"},"msg":"bad"}',
     "bad", 40, None, 657, {"err": {"type": "E", "message": "m"}, "hostname": "h1"}),
    ("pino with level words", f'{{"level":"warn","time":"{ISO}","pid":1,"hostname":"h1","name":"n","msg":"hello"}}',
     "hello", 30, "n", 1, {"hostname": "h1"}),
    ("pino", f'{{"name":"myapp","hostname":"h1","pid":3,"level":40,"msg":"au revoir","time":"{ISO}","v":0}}',
     "au revoir", 30, "myapp", 3, {"hostname": "h1", "v": 0}),  # bunyan
    ("winston, zerolog", f'{{"level":"http","message":"GET /","timestamp":"{ISO}","label":"web"}}',
     "GET /", 10, "web", None, {}),
    ("winston, zerolog", '{"level":"error","time":1700000000,"message":"cannot","error":"x"}',
     "cannot", 40, None, None, {"error": "x"}),  # zerolog
    ("zap", '{"level":"dpanic","ts":1700000000.000,"logger":"db","caller":"a/b.go:12","msg":"lost","rows":3}',
     "lost", 50, "db", None, {"caller": "a/b.go:12", "rows": 3}),
    ("logrus, slog", f'{{"level":"warning","msg":"The group grew","size":10,"time":"{ISO}"}}',
     "The group grew", 30, None, None, {"size": 10}),
    ("logrus, slog", f'{{"time":"{ISO}","level":"INFO+2","msg":"hello","count":3}}',
     "hello", 25, None, None, {"count": 3}),
    ("structlog", f'{{"user":"ann","event":"logged in","level":"info","timestamp":"{ISO}","logger":"auth"}}',
     "logged in", 20, "auth", None, {"user": "ann"}),
    ("python-json-logger", ('{"asctime":"2023-11-14 22:13:20,000Z","name":"app.db","levelname":"WARNING",'
     '"message":"slow","process":12}'), "slow", 30, "app.db", 12, {}),
    ("ECS", (f'{{"@timestamp":"{ISO}","log.level":" WARN","message":"hi","log.logger":"a.B","process.pid":9,'
     '"ecs.version":"1.6.0"}'), "hi", 30, "a.B", 9, {"ecs.version": "1.6.0"}),
    ("ECS", (f'{{"@timestamp":"{ISO}","log":{{"level":"error","logger":"a.B"}},"process":{{"pid":9,"name":"x"}},'
     '"host":{"hostname":"h1"},"message":"hi"}'), "hi", 40, "a.B", 9, {"process": {"name": "x"}, "hostname": "h1"}),
    ("CLEF", f'{{"@t":"{ISO}","@mt":"Hello, {{User}}","@l":"Verbose","User":"nb","SourceContext":"App.Web"}}',
     "Hello, {User}", 5, "App.Web", None, {"User": "nb"}),
    ("CLEF", f'{{"@t":"{ISO}","@m":"Hello","@i":"7a8b"}}', "Hello", None, None, None, {"@i": "7a8b"}),
    ("journald", ('{"__REALTIME_TIMESTAMP":"1700000000000000","PRIORITY":"3","MESSAGE":"failed","_PID":"77",'
     '"SYSLOG_IDENTIFIER":"sshd","_HOSTNAME":"h1","_UID":"0"}'),
     "failed", 40, "sshd", 77, {"_UID": "0", "hostname": "h1"}),
    ("journald", '{"__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":[102,111,27,255]}',
     "fo\x1b\\xff", None, None, None, {}),
    ("GELF", '{"version":"1.1","host":"h1","short_message":"short","timestamp":1700000000.0,"level":4,"_pid":5}',
     "short", 30, None, 5, {"version": "1.1", "hostname": "h1"}),
    ("Google Cloud", f'{{"severity":"NOTICE","message":"built","time":"{ISO}","logger":"ci"}}',
     "built", 25, "ci", None, {}),
    ("penstock", f'{{"time":"{ISO}","severity":"debug","event":"trade.sold","pid":4,"node":"h1","thread":"T","qty":2}}',
     "", 10, "trade.sold", 4, {"thread": "T", "qty": 2, "hostname": "h1"}),
    ("penstock", f'{{"time":"{ISO}","severity":"alert","message":"m","logger":"s","pid":4,"node":"h1","thread":"T"}}',
     "m", 60, "s", 4, {"thread": "T", "hostname": "h1"}),
]  # fmt: skip


@pytest.mark.parametrize(("logger", "line", "message", "level", "name", "pid", "fields"), LINES)
def test_a_line_keeps_what_it_says(
    logger: str, line: str, message: str, level: int | None, name: str | None, pid: int | None, fields: object
) -> None:
    parsed = ndjson.parse(line)

    assert parsed is not None
    assert shape_of(json.loads(line)).logger == logger
    assert (parsed.message, parsed.level, parsed.name, parsed.pid) == (message, level, name, pid)
    assert parsed.fields == fields
    assert parsed.time_ns == MOMENT or "@timestamp" not in line


@pytest.mark.parametrize("line", [row[1] for row in LINES])
def test_every_line_keeps_its_time(line: str) -> None:
    parsed = ndjson.parse(line)

    assert parsed is not None
    assert parsed.time_ns == MOMENT


def test_every_shape_has_a_line_above() -> None:
    assert {shape.logger for shape in SHAPES} - {"any"} == {row[0] for row in LINES}


def test_logfmt_has_shapes_too() -> None:
    parsed = logfmt.parse(f'time="{ISO}" level=warning msg="The group grew" size=10')

    assert parsed is not None
    assert (parsed.message, parsed.level, parsed.time_ns) == ("The group grew", 30, MOMENT)
    assert parsed.fields == {"size": "10"}


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"purple","msg":"m"}',
        '{"time":0.2477829,"level":30,"msg":"m"}',
        '{"level":30,"time":"soon","pid":"a1","msg":"m"}',
        '{"level":30,"time":1700000000000,"name":"two\\nlines","msg":"m"}',
        '{"level":30,"time":1700000000000,"name":{"first":"Ann"},"msg":{"text":"m"}}',
        '{"level":30,"time":1700000000000,"pid":-1,"hostname":17,"msg":"m"}',
    ],
)
def test_what_is_not_understood_stays_a_field(line: str) -> None:
    members = json.loads(line)

    parsed = ndjson.parse(line)

    assert parsed is not None
    understood = {
        "level": parsed.level, "time": parsed.time_ns, "pid": parsed.pid, "name": parsed.name,
        "msg": parsed.message or None,
    }  # fmt: skip
    for key, value in members.items():
        assert (understood.get(key) is not None) or parsed.fields[key] == value


def test_a_name_is_somebodys_name_where_the_logger_does_not_call_itself_so() -> None:
    parsed = ndjson.parse('{"level":"info","ts":1700000000.5,"msg":"paid","name":"Ann"}')

    assert parsed is not None
    assert parsed.name is None
    assert parsed.fields == {"name": "Ann"}


NAMES = sorted({name for shape in SHAPES for role in (shape.time, shape.level, shape.message, shape.name, shape.pid)
                for name in role} | {mark for shape in SHAPES for mark in shape.marks})  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(), VALUES, max_size=8))
def test_any_object_is_an_event(members: dict[str, object]) -> None:
    parsed = ndjson.parse(json.dumps(members))

    assert parsed is not None
    assert isinstance(parsed.message, str)
    assert parsed.level is None or parsed.level > 0
    assert parsed.time_ns is None or 0 < parsed.time_ns < 2**63
