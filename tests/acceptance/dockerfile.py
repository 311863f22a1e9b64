"""A Dockerfile's steps, carried out below a folder as a script: for machines without a container engine.

An absolute path of the Dockerfile is one below the folder, and each stage begins with an empty one that has nothing but
a Python of its own, as its base image has. What the base image is otherwise, and what an engine makes of the whole,
is not seen here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
KNOWN = {"FROM", "ARG", "ENV", "LABEL", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "STOPSIGNAL", "HEALTHCHECK"}
KNOWN |= {"ENTRYPOINT", "CMD"}
ABSOLUTE = re.compile(r"(?<![\w./-])/(?=\w)")
OF_THE_MACHINE = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|(?i:https?_proxy|no_proxy)|HOME|LANG")
"""What a step may see of this machine: where packages come from here."""
AWAY = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|MaxRetryError")


class Step(NamedTuple):
    """An instruction and what follows it."""

    keyword: str
    text: str

    def list(self) -> list[str]:
        """Give the words of its JSON form."""
        words: list[str] = json.loads(self.text)
        return words

    def pairs(self) -> dict[str, str]:
        """Give what it sets, a name and a value each."""
        found = re.findall(r'([\w.]+)=("[^"]*"|\S*)', self.text)
        return {name: value.strip('"') for name, value in found}


def steps(path: Path) -> list[Step]:
    """Read a Dockerfile. An instruction that nothing here carries out is a mistake."""
    text = "".join(line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[:1] != "#")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    found = [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]
    assert {step.keyword for step in found} <= KNOWN
    return found


def stages(found: Sequence[Step]) -> list[list[Step]]:
    """Divide steps into stages; each begins with its FROM."""
    begin = [at for at, step in enumerate(found) if step.keyword == "FROM"]
    return [list(found[at:end]) for at, end in zip(begin, [*begin[1:], len(found)], strict=True)]


class Ignored:
    """What .dockerignore keeps out of the context: the last line that fits a path or a folder above it decides."""

    def __init__(self, path: Path) -> None:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        self._rules = [(line[0] != "!", _pattern(line.removeprefix("!"))) for line in lines if line and line[0] != "#"]

    def __call__(self, path: PurePosixPath) -> bool:
        """Tell whether a path is kept out."""
        verdict = False
        for ignored, pattern in self._rules:
            if any(pattern.fullmatch(str(each)) for each in (path, *path.parents[:-1])):
                verdict = ignored
        return verdict


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*|\[[^]]*\])", text)
    kinds = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(kinds.get(part, part if part[:1] == "[" else re.escape(part)) for part in parts))


def context(folder: Path) -> Iterator[PurePosixPath]:
    """Give what an engine is handed of a folder; one that is kept out as a whole is not looked into."""
    ignored = Ignored(folder / ".dockerignore")
    for top in sorted(folder.iterdir()):
        if ignored(PurePosixPath(top.name)):
            continue
        for path in (top, *top.rglob("*")):
            relative = PurePosixPath(path.relative_to(folder))
            if path.is_file() and not ignored(relative):
                yield relative


def python_for(user: int) -> tuple[str, int | None]:
    """Give a Python that the image's user can run, and that user; where there is none, ours and nobody else."""
    for candidate in (sys._base_executable, "/usr/bin/python3"):  # noqa: SLF001 - the one outside all environments
        ask = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"
        try:
            if os.geteuid() == 0 and not _call([candidate, "-c", ask], cwd="/", user=user).returncode:
                return candidate, user
        except OSError:  # it may not even look where it is
            continue
    return sys._base_executable, None  # noqa: SLF001 - as above


def _call(command: Sequence[str], *, cwd: str | Path, user: int) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, cwd=cwd, user=user, group=user, extra_groups=[], capture_output=True, check=False)


@dataclass
class Image:
    """What was built: `root` is its file system; `user` runs its command, None: ours."""

    root: Path
    python: str
    user: int | None
    arguments: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    workdir: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))
    said: dict[str, Step] = field(default_factory=dict)
    """The last of each instruction that says how it runs."""

    def inside(self, text: str) -> str:
        """Put the absolute paths of a text below the root."""
        return ABSOLUTE.sub(f"{self.root}/", text)

    def path(self, text: str) -> Path:
        """Give the path of what an instruction names."""
        return Path(self.inside(str(self.workdir / text)))

    def command(self, *words: str) -> list[str]:
        """Give the whole command, with these words instead of those of CMD."""
        return [*self.said["ENTRYPOINT"].list(), *(words or self.said["CMD"].list())]

    def health(self) -> list[str]:
        """Give the command of the health check."""
        words: list[str] = json.loads(self.said["HEALTHCHECK"].text.partition(" CMD ")[2])
        return words

    def start(self, command: Sequence[str], **streams: int) -> "subprocess.Popen[str]":
        """Start a command as the image's user, in its folder and with nothing but its environment."""
        found = shutil.which(command[0], path=self.environment["PATH"])
        who = {"user": self.user, "group": self.user, "extra_groups": []} if self.user is not None else {}
        return subprocess.Popen(
            [found or command[0], *command[1:]],
            cwd=self.path("."),
            env=self.environment,
            text=True,
            **who,
            **streams,
        )

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, which must be a good one, and give what it printed."""
        process = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return subprocess.CompletedProcess(command, process.returncode, out, err)


class Builder:
    """Carries out a Dockerfile; what a stage left is kept aside, so that its paths stay what they were."""

    def __init__(self, folder: Path, user: int) -> None:
        self._folder = folder
        self._files = list(context(ROOT))
        self._python, self._user = python_for(user)
        self._done: dict[str, Path] = {}

    def build(self, path: Path) -> Image:
        """Give the image of the last stage."""
        image = Image(self._folder / "image", self._python, self._user)
        for number, stage in enumerate(stages(steps(path))):
            if number:
                image.root.rename(self._folder / f"stage-{number - 1}")
                image = Image(image.root, self._python, self._user)
            self._base(image.root)
            image.environment["PATH"] = f"{image.root}/usr/local/bin:/usr/bin:/bin"
            name = re.search(r" AS (\w+)$", stage[0].text)
            self._done[name[1] if name else ""] = self._folder / f"stage-{number}"
            for step in stage[1:]:
                self._carry_out(step, image)
        return image

    def _base(self, root: Path) -> None:
        """Give a stage what its base image has: a Python with pip and nothing else, where the official image's is."""
        base = self._folder / "base"
        if not base.exists():
            subprocess.run([self._python, "-m", "venv", root / "usr/local"], check=True)
            for other in ("setuptools*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"):
                for path in root.glob(f"usr/local/lib/python3*/site-packages/{other}"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            shutil.copytree(root, base, symlinks=True)
        else:
            shutil.copytree(base, root, symlinks=True)
        root.chmod(0o755)

    def _carry_out(self, step: Step, image: Image) -> None:
        if step.keyword in {"RUN", "COPY"}:
            getattr(self, f"_{step.keyword.lower()}")(step.text, image)
        elif step.keyword == "ARG":
            name, _, default = step.text.partition("=")
            image.arguments[name] = default.strip('"')
        elif step.keyword == "ENV":
            new = {name: image.inside(_filled(value, image.environment)) for name, value in step.pairs().items()}
            image.environment |= new
        elif step.keyword == "LABEL":
            image.labels |= {name: _filled(value, image.arguments) for name, value in step.pairs().items()}
        elif step.keyword == "WORKDIR":
            image.workdir /= step.text
            image.path(".").mkdir(parents=True, exist_ok=True)
        else:
            image.said[step.keyword] = step

    def _run(self, text: str, image: Image) -> None:
        if os.geteuid():  # only root gives files away
            text = re.sub(r" -[og] \d+", "", text)
        passed = {name: value for name, value in os.environ.items() if OF_THE_MACHINE.fullmatch(name)}
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", image.inside(text)],
            cwd=image.path("."),
            env=passed | {"PIP_RETRIES": "1"} | image.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if AWAY.search(done.stderr) and os.environ.get("VDL_LORA_REQUIRE_REAL") != "1":
            pytest.skip("no registry of packages answers, and the image takes them from there")
        assert done.returncode == 0, f"RUN {text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"

    def _copy(self, text: str, image: Image) -> None:
        *sources, target = text.split()
        to = image.path(target)
        if sources[0].startswith("--from="):
            came_from = self._done[sources.pop(0).removeprefix("--from=")]
            for source in sources:
                shutil.copytree(came_from / source.lstrip("/"), to, symlinks=True, dirs_exist_ok=True)
            return
        for source in map(PurePosixPath, sources):
            files = [path for path in self._files if path == source or source in path.parents]
            assert files, f"COPY {source}: .dockerignore keeps it out, or it is not there"
            for path in files:
                at = to / path.name if path == source else to / path.relative_to(source)
                at.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, at)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)
