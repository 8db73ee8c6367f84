"""Explanations: a page for each kind of problem; a stable name in, what it means and what to do out; any thread; loaded
only when somebody asks. Each has an example, from which the documentation is made and tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Weight = Literal["error", "error if strict", "warning"]
"""``error``: a program cannot start; ``error if strict``: it can, without this; ``warning``: never an error."""

_NO_VALUES: Final[Mapping[str, str]] = MappingProxyType({})


class Explanation(NamedTuple):
    """What a kind of problem means.

    Attributes:
        code: Its stable name.
        weight: Whether a program can go on.
        title: What is wrong, in a sentence.
        text: Why, and what to do.
        toml: A `penstock.toml` that has it.
        files: More files beside it, by name.
        environ: Variables that are set when it is read.
        opened: Whether it shows only when a program starts: `check` opens nothing.
    """

    code: str
    weight: Weight
    title: str
    text: str
    toml: str
    files: Mapping[str, str] = _NO_VALUES
    environ: Mapping[str, str] = _NO_VALUES
    opened: bool = False


_OUT: Final = """\
[sink.out]
type = "stderr"

[pipeline.all]
sink = "out"
"""

_ALL: Final = (
    Explanation(
        "toml-syntax",
        "error",
        "The file is no TOML.",
        "Texts stand in quotes, `true` and `false` are small, and each key is there once. Nothing else in "
        "the file can be "
        "judged before this is right. The values of the line are not shown: one may be a secret.",
        "level = info\n\n" + _OUT,
    ),
    Explanation(
        "unreadable-file",
        "error",
        "A file cannot be read, or ought not to be.",
        "The path is wrong, or the permissions are. A file that was found and not named is refused, too, if others may "
        "change it, for a configuration names code that runs: name it, or take their permission away.",
        'extends = "base.toml"\n\n' + _OUT,
    ),
    Explanation(
        "unknown-key",
        "error if strict",
        "Nobody knows this key.",
        "Mostly a typo. The program runs, but without what was meant; `penstock check`, `strict=True` and "
        "`PENSTOCK_STRICT=1` make an error of it.",
        _OUT.replace('type = "stderr"', 'type = "stderr"\nlevle = "error"'),
    ),
    Explanation(
        "missing-key",
        "error",
        "A key that has no default is missing.",
        "Add it to the table that is shown.",
        '[sink.out]\ntype = "file-rotate"\n\n[pipeline.all]\nsink = "out"\n',
    ),
    Explanation(
        "invalid-value",
        "error",
        "A value is not what its key takes.",
        'TOML is typed and nothing is coerced: `"no"` is not `false`, and `1.9` is no whole number. Sizes '
        "and durations "
        "are texts with a unit.",
        '[sink.out]\ntype = "file-rotate"\npath = "app.log"\nmax_size = "ten"\nkeep = "5"\n\n'
        '[pipeline.all]\nsink = "out"\n',
    ),
    Explanation(
        "unknown-type",
        "error if strict",
        "No installed plugin offers this type.",
        "A typo, or a distribution that is not installed. Only first-party distributions are ever suggested: "
        "a name made "
        "of a typo could be anybody's package. Of a redactor it is always an error, for without it a "
        "pipeline would tell "
        "secrets.",
        _OUT.replace('"stderr"', '"stdrr"'),
    ),
    Explanation(
        "ambiguous-type",
        "error",
        "Two installed distributions offer this type.",
        'Uninstall one of them, or name the class itself: `type = "python:package.module:Class"`.',
        _OUT.replace('"stderr"', '"pager"'),
        files={
            "site/acme_pager-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-pager\nVersion: 1.0\n",
            "site/acme_pager-1.0.dist-info/entry_points.txt": "[penstock]\npager = acme_pager\n",
            "site/other_pager-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: other-pager\nVersion: 2.0\n",
            "site/other_pager-2.0.dist-info/entry_points.txt": "[penstock]\npager = other_pager\n",
        },
    ),
    Explanation(
        "plugin-load-failed",
        "error if strict",
        "The plugin behind this type does not load.",
        "Its import raised, one of its hooks did, or it was made for another version of Penstock. Other "
        "plugins are not "
        "touched: a sink is replaced by its fallback or standard error, a format by the plain one. "
        "`penstock plugins --verify` imports each plugin by itself. Of a redactor it is always an error.",
        _OUT.replace('"stderr"', '"python:acme.logs:PagerSink"'),
    ),
    Explanation(
        "unset-reference",
        "error",
        "What a reference names is not there.",
        "The variable is not set, or the file cannot be read. `default` beside it says what to take then; "
        "`penstock check --no-secrets` follows no reference.",
        '[sink.oncall]\ntype = "telegram"\ntoken = { env = "TELEGRAM_TOKEN" }\nchat_id = "-100123"\n\n'
        '[pipeline.alerts]\nemit = ["throttle"]\nsink = "oncall"\n',
    ),
    Explanation(
        "dangling-reference",
        "error",
        "A stage, redactor, format or sink is named that is not there.",
        "Declare it, or correct the name. A type that needs no options may be named without a table of its own.",
        _OUT.replace('sink = "out"', 'sink = "uot"\nformat = "jsn"'),
    ),
    Explanation(
        "cycle",
        "error",
        "Something leads back to itself.",
        "Fallbacks end at a sink that has none, and a file does not extend itself.",
        '[sink.a]\ntype = "stderr"\ndelivery.fallback = "b"\n\n[sink.b]\ntype = "stderr"\ndelivery.fallback = "a"\n\n'
        '[pipeline.all]\nsink = "a"\n',
    ),
    Explanation(
        "unknown-profile",
        "error",
        "There is no such profile.",
        "The name comes from `configure(profile=…)`, `--profile` or `PENSTOCK_PROFILE`; the table is `[profile.NAME]`.",
        _OUT + '\n[profile.production]\nlevel = "warning"\n',
        environ={"PENSTOCK_PROFILE": "prod"},
    ),
    Explanation(
        "ambiguous-address",
        "error",
        "A variable of the environment means several keys.",
        "In `PENSTOCK__SINK__MY_FILE__KEEP` case does not count and `_` stands for `-` too, so that keys "
        "that differ only "
        "in these cannot be told apart.",
        _OUT + '\n[context]\nshop_id = "1"\nshop-id = "2"\n',
        environ={"PENSTOCK__CONTEXT__SHOP_ID": "3"},
    ),
    Explanation(
        "sink-not-opened",
        "error if strict",
        "A sink raised when it was opened.",
        "Its fallback takes over, or standard error. `check` opens nothing, so only a start shows it.",
        '[sink.out]\ntype = "file-rotate"\npath = "."\n\n[pipeline.all]\nsink = "out"\n',
        opened=True,
    ),
    Explanation(
        "stage-not-opened",
        "error if strict",
        "An emit stage raised when it was opened.",
        "The pipeline runs without it. `check` opens nothing, so only a start shows it.",
        '[emit.digest]\ntype = "python:digest:Digest"\n\n' + _OUT + 'emit = ["digest"]\n',
        files={
            "digest.py": "class Digest:\n    def emit(self, event):\n        return event\n\n"
            '    def open(self, resume, timer):\n        raise RuntimeError("no clock")\n'
        },
        opened=True,
    ),
    Explanation(
        "literal-secret",
        "warning",
        "A secret is written out.",
        "Who reads the file, its copies and its history has it. Write a reference instead: "
        '`{ env = "NAME" }` or `{ file = "/run/secrets/…" }`. It is hidden everywhere all the same.',
        '[sink.oncall]\ntype = "discord"\nwebhook = "https://discord.com/api/webhooks/1/not-a-token"\n\n'
        '[pipeline.alerts]\nemit = ["throttle"]\nsink = "oncall"\n',
    ),
    Explanation(
        "readable-secret",
        "warning",
        "A secret is written out in a file that everybody may read.",
        "Every program and user of the machine has it. Take the permission away, and better write a reference.",
        '[sink.oncall]\ntype = "discord"\nwebhook = "https://discord.com/api/webhooks/1/not-a-token"\n\n'
        '[pipeline.alerts]\nemit = ["throttle"]\nsink = "oncall"\n',
    ),
    Explanation(
        "no-redaction",
        "warning",
        "A pipeline applies no redactor, though there are some.",
        "`redact = []` means none. Left out, it means all that are declared.",
        '[redact.secrets]\ntype = "keys"\nkeys = ["token"]\n\n' + _OUT + "redact = []\n",
    ),
    Explanation(
        "no-effect",
        "warning",
        "An option changes nothing here.",
        "Another option, or the kind of the sink, decides what it is about.",
        _OUT.replace('type = "stderr"', 'type = "stderr"\n\n[sink.out.delivery]\nmode = "inline"\nspool = "64 MB"'),
    ),
    Explanation(
        "unthrottled-alerts",
        "warning",
        "A sink that calls people is fed by a pipeline without any emit stage.",
        "One broken disk can be ten thousand errors, and nobody reads the tenth message. Put a stage in front that "
        "throttles, samples or makes a digest. A sink class says `alerts = True` of itself.",
        '[sink.oncall]\ntype = "telegram"\ntoken = { env = "TELEGRAM_TOKEN" }\nchat_id = "-100123"\n\n'
        '[pipeline.alerts]\nlevel = "error"\nsink = "oncall"\n',
        environ={"TELEGRAM_TOKEN": "123456:not-a-token-not-a-token-not-a-tok"},
    ),
    Explanation(
        "pipeline-never-matches",
        "warning",
        "No name of an event can match this pipeline.",
        "In `match`, what `!` excludes wins over what is wanted, whatever their order.",
        _OUT + 'match = ["shop.orders.*", "!shop.**"]\n',
    ),
    Explanation(
        "sink-never-used",
        "warning",
        "A sink gets nothing.",
        "No pipeline names it, and no other sink has it as its `fallback`. It is opened all the same.",
        '[sink.archive]\ntype = "file-rotate"\npath = "archive.log"\n\n' + _OUT,
    ),
    Explanation(
        "format-not-taken",
        "warning",
        "A pipeline has a format that its sink cannot take.",
        "A sink class may say which `formats` it takes; one that takes events instead of bytes takes none.",
        '[sink.metrics]\ntype = "python:sinks:Metrics"\n\n[pipeline.all]\nsink = "metrics"\nformat = "json"\n',
        files={"sinks.py": 'class Metrics:\n    accepts = "event"\n\n    def write(self, batch):\n        pass\n'},
    ),
)

EXPLANATIONS: Final[Mapping[str, Explanation]] = MappingProxyType({one.code: one for one in _ALL})
"""Every explanation by its name, errors first."""
