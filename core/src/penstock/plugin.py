"""Plugin: everything a plugin author imports; protocols, errors, units and helpers; nothing of it runs by itself."""

from __future__ import annotations

from penstock import files
from penstock.assembly.hookspecs import hookimpl
from penstock.clock import Cancel, Later
from penstock.errors import Closed, Rejected, Unavailable
from penstock.event import Event, Failure, Site
from penstock.faults import report
from penstock.levels import LEVELS, foreign_level_number, level_name, level_number, level_of
from penstock.levels import Level as LevelInfo
from penstock.river.emit import submit
from penstock.river.format import iso_time
from penstock.river.match import build_match
from penstock.river.sink import time_left
from penstock.secret import MASK, Secret
from penstock.text import escape_controls, is_seen
from penstock.types import (
    REMOVE,
    Action,
    Closeable,
    EventSink,
    Flushable,
    Format,
    KeyRedactor,
    LineSink,
    Now,
    Openable,
    Opened,
    PartRedactor,
    PathRedactor,
    Record,
    Redactor,
    Resume,
    Sink,
    Source,
    Stage,
    TextRedactor,
    Timed,
)
from penstock.units import Duration, Level, Size

__all__ = [
    "LEVELS",
    "MASK",
    "REMOVE",
    "Action",
    "Cancel",
    "Closeable",
    "Closed",
    "Duration",
    "Event",
    "EventSink",
    "Failure",
    "Flushable",
    "Format",
    "KeyRedactor",
    "Later",
    "Level",
    "LevelInfo",
    "LineSink",
    "Now",
    "Openable",
    "Opened",
    "PartRedactor",
    "PathRedactor",
    "Record",
    "Redactor",
    "Rejected",
    "Resume",
    "Secret",
    "Sink",
    "Site",
    "Size",
    "Source",
    "Stage",
    "TextRedactor",
    "Timed",
    "Unavailable",
    "build_match",
    "escape_controls",
    "files",
    "foreign_level_number",
    "hookimpl",
    "is_seen",
    "iso_time",
    "level_name",
    "level_number",
    "level_of",
    "report",
    "submit",
    "time_left",
]
