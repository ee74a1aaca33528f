"""Try faults one by one, each in a fork of this process in which everything is imported but what is tried."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import math
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import IO, Any

from tests.mutation import exchange
from tests.mutation.operators import Fault
from tests.mutation.scope import Area
from tests.mutation.suites import Suite

#: A fault that makes the tests compute this long has been noticed; on a busy machine that takes longer by the clock.
_LONGEST_SECONDS = 300
_LONGEST_WAIT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which suite noticed a fault and by what; `suite` is None where nobody did."""

    suite: str | None
    by: str


def import_what_is_not_tried(area: Area) -> None:
    """So that a fork need not."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # the frames are small
    for name in area.imported:
        importlib.import_module(name)
    loaded = [
        name for name in sys.modules if name in area.tried or name.startswith(tuple(f"{it}." for it in area.tried))
    ]
    assert not loaded, f"imported before a fault can be put into them: {loaded}"


class _Faulty(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Finds one module, with other source."""

    def __init__(self, dotted: str, file: Path, source: str) -> None:
        super().__init__(dotted, str(file))
        self.source = source

    def find_spec(self, name: str, *_where: object) -> importlib.machinery.ModuleSpec | None:
        """The module with the fault; any other is found as always."""
        return importlib.machinery.ModuleSpec(name, self, origin=self.path) if name == self.name else None

    def get_code(self, _name: str) -> CodeType:
        """Its changed source, compiled."""
        return compile(self.source, self.path, "exec")


def try_fault(fault: Fault, dotted: str, file: Path, suites: Mapping[str, Suite]) -> Verdict:
    """Put the fault in and ask the suites in turn."""

    def ask() -> bytes:
        if dotted in sys.modules:
            exchange.put_in(fault.source(), dotted)
        else:
            sys.meta_path.insert(0, _Faulty(dotted, file, fault.source()))
        return _ask(fault.module, suites)

    return _verdict(in_fork(ask))


def try_in_turn(tried: Sequence[tuple[str, Path, Fault]], suites: Mapping[str, Suite]) -> Iterator[Verdict]:
    """Put faults into loaded code and take them out again, one after the other in one fork, until one of them ends it."""
    rest = list(tried)
    while rest:
        answers = _lines_of_fork(lambda pipe: _ask_in_turn(pipe, rest, suites))
        well = yield from _told(answers, rest)
        if rest:
            del rest[0]
            yield _verdict(None)
        elif not well:
            raise AssertionError("a fault has left something behind: the tests fail without one")


def _told(answers: Generator[bytes, None, bool], rest: list[Any]) -> Generator[Verdict, None, bool]:
    while True:
        try:
            said = next(answers)
        except StopIteration as end:
            return bool(end.value)
        del rest[0]
        yield _verdict(said)


def _ask_in_turn(pipe: IO[bytes], tried: Sequence[tuple[str, Path, Fault]], suites: Mapping[str, Suite]) -> None:
    for dotted, _file, fault in tried:
        _limit_time()
        before = exchange.put_in(fault.source(), dotted)
        said = _ask(fault.module, suites)
        exchange.take_out(before, dotted)
        pipe.write(said + b"\n")
        pipe.flush()
    if _ask("", suites):
        os._exit(1)


def _lines_of_fork(work: Callable[[IO[bytes]], None]) -> Generator[bytes, None, bool]:
    """The lines that a fork writes, up to its end or to one that takes too long; whether it ended well."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _silence()
        with os.fdopen(writable, "wb") as pipe:
            work(pipe)
        os._exit(0)
    os.close(writable)
    held, part = b"", b" "
    with os.fdopen(readable, "rb", buffering=0) as pipe:
        while part and select.select([pipe], [], [], _LONGEST_WAIT_SECONDS)[0]:
            part = pipe.read(1 << 16)
            *lines, held = (held + part).split(b"\n")
            yield from lines
    if part:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0


def try_nothing(suites: Mapping[str, Suite]) -> Verdict:
    """Ask the suites about the code as it is; whoever notices something then would notice it with every fault."""
    return _verdict(in_fork(lambda: _ask("", suites)))


def _ask(module: str, suites: Mapping[str, Suite]) -> bytes:
    for name, suite in suites.items():
        try:
            noticed = suite(module)
        except (Exception, SystemExit) as error:  # whatever goes wrong has been noticed
            noticed = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        if noticed:
            return f"{name}\t{noticed}".encode()
    return b""


def _verdict(said: bytes | None) -> Verdict:
    name, _tab, by = ("died", "", "") if said is None else said.decode(errors="replace").partition("\t")
    return Verdict(name or None, by)


def in_fork(work: Callable[[], bytes]) -> bytes | None:
    """What `work` gives, done in a fork of this process; None where the fork dies or takes too long."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _silence()
        _limit_time()
        with os.fdopen(writable, "wb") as pipe:
            pipe.write(work())
        os._exit(0)
    os.close(writable)
    ends = time.monotonic() + _LONGEST_WAIT_SECONDS
    said = b""
    with os.fdopen(readable, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, ends - time.monotonic()))[0] and (part := pipe.read(1 << 20)):
            said += part
    if time.monotonic() >= ends:
        os.kill(child, signal.SIGKILL)
    return said if os.waitpid(child, 0)[1] == 0 else None


def _limit_time() -> None:
    """From now on this process may compute for so long and is ended then."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + _LONGEST_SECONDS, hard))


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
