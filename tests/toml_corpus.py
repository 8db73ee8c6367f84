"""TOML corpus: the valid files of the public toml-test suite, which the source distribution of tomlkit carries.

uv run python tests/toml_corpus.py     fetches it once, into .cache/
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "toml-test"
_SOURCE = "tomlkit==0.15.2"
_FOLDER = "/toml-test/tests/valid/"


def files() -> list[Path]:
    """Return the valid files; none where nobody has fetched them."""
    return sorted(CACHE.rglob("*.toml"))


def fetch() -> None:
    """Download the source distribution and keep its valid files."""
    with TemporaryDirectory() as folder:
        pip = ("uv", "run", "--quiet", "--no-project", "--with", "pip", "python", "-m", "pip")
        get = ("download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, _SOURCE)
        subprocess.run([*pip, *get], check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        for name, content in _valid(archive):
            path = CACHE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _valid(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            _, found, name = member.name.partition(_FOLDER)
            content = tar.extractfile(member) if found and name.endswith(".toml") else None
            if content is not None:
                yield name, content.read()


if __name__ == "__main__":
    fetch()
    print(len(files()), "files")
