"""The one decorator that every kernel takes, and the disk cache behind it.

The compiler's own cache does not notice an edit in a called file, and its key leaves out the bounds-check flag. So the
compiled code is kept in a folder named by a digest of every kernel source, the compiler's version and that flag: any
edit of any kernel makes a new folder, and whoever makes one removes those that nobody uses any more. Bounds checks are
asked for in the tests (`NUMBA_BOUNDSCHECK=1`); `NUMBA_DISABLE_JIT=1` leaves the kernels as plain Python.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.compiler_lock import global_compiler_lock
from numba.core.types import unliteral

Function = TypeVar("Function", bound=Callable[..., Any])

KEPT_FOLDERS = 6
"""Folders of compiled code that are kept: of versions and flags used side by side."""
KEPT_SECONDS = 30 * 86_400
"""Age, since its last use, at which a folder goes even if there is room for it."""
IN_USE_SECONDS = 3_600
"""Time since its last use in which a folder is not touched: another process may be writing into it."""
_FOLDER = re.compile(r"[0-9a-f]{20}|\.removed-.+")

KERNELS = Path(__file__).parent / "broker"
FURTHER = ("enums.py", "compiling.py", "sweeps/curve.py", "sweeps/tally.py")
"""What the kernels read besides, and the kernels outside the broker."""


def _flag(name: str) -> bool:
    """A switch of the compiler, which it reads from the environment."""
    return bool(getattr(config, name))


def digest() -> str:
    """Hexadecimal digest of every kernel source, the compiler, NumPy and the bounds-check flag."""
    told = hashlib.sha256(f"{numba.__version__} {np.__version__} {_flag('BOUNDSCHECK')}".encode())
    for source in (*sorted(KERNELS.glob("*.py")), *(KERNELS.parent / name for name in FURTHER)):
        told.update(source.name.encode())
        told.update(source.read_bytes())
    return told.hexdigest()[:20]


DIGEST = digest()
"""The digest of the sources that this process imported: taken here, so that a later edit cannot pass for them."""


@cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: the user's cache folder, or a temporary one where that cannot be written."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for candidate in (base / "isomargin", Path(tempfile.gettempdir()) / f"isomargin-{getpass.getuser()}"):
        folder = candidate / DIGEST
        try:
            new = not folder.is_dir()
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                os.utime(folder)
        except OSError:
            continue
        if new:
            tidy(candidate)
        return folder
    raise OSError("neither the user's cache folder nor the temporary folder can be written; set XDG_CACHE_HOME")


def tidy(place: Path) -> None:
    """Removes the folders of compiled code in `place` that have not been used for long, and those beyond the last few.

    A folder is renamed before it is removed, so that no process finds half of one; who loses it compiles again.
    """
    used: list[tuple[float, Path]] = []
    for each in place.iterdir():
        try:
            if _FOLDER.fullmatch(each.name) and each.is_dir() and not each.is_symlink():
                used.append((each.stat().st_mtime, each))
        except OSError:
            continue  # another process removes it too
    now = time.time()
    for rank, (last, folder) in enumerate(sorted(used, reverse=True)):
        if now - last < IN_USE_SECONDS or (rank < KEPT_FOLDERS and now - last < KEPT_SECONDS):
            continue
        aside = folder.with_name(f".removed-{folder.name.removeprefix('.removed-')[:20]}-{os.getpid()}")
        try:
            folder.rename(aside)
        except OSError:
            continue
        shutil.rmtree(aside, ignore_errors=True)


def is_warm() -> bool:
    """Whether compiled kernels lie in the cache, so that the first run need not compile."""
    return _flag("DISABLE_JIT") or any(cache_folder().glob("*.nbi"))


class _DigestLocator(_CacheLocator):
    """Keeps a kernel's compiled code in the folder of the digest, whatever the time stamp of its file."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self._name = f"{Path(source).stem}.{function.__code__.co_firstlineno}"
        self._stamp = DIGEST + hashlib.sha256(Path(source).read_bytes()).hexdigest()

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, function: Callable[..., Any], source: str) -> _DigestLocator:
        return cls(function, source)


class _KernelCacheImpl(CompileResultCacheImpl):
    _locator_classes = [_DigestLocator]  # noqa: RUF012 (the base class declares it so)


class _KernelCache(FunctionCache):
    """The cache of one kernel.

    The compiler gets ready for typing and lowering (its registries, and SciPy with them: a quarter of a cold start)
    before it looks into a cache. Compiled code needs none of that, so it is looked for first.
    """

    _impl_class = _KernelCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        here = cast(Any, self)
        with here._guard_against_spurious_io_errors():
            return here._load_overload(sig, target_context)


def kernel(function: Function) -> Function:
    """Compile `function` on its first call, without fast-math, without the GIL, from the cache where it is there.

    A kernel makes no arrays: it writes into those it is given. So the compiler need not count references, which would
    cost more than the rules themselves.
    """
    if _flag("DISABLE_JIT"):
        return function
    return cast(Function, _compiled(function, forceinline=False))


def inlined(function: Function) -> Function:
    """A kernel with one caller, copied into it by the compiler: a call would cost more than a look at the bar."""
    if _flag("DISABLE_JIT"):
        return function
    return cast(Function, _compiled(function, forceinline=True))


def _compiled(function: Callable[..., Any], *, forceinline: bool) -> Any:
    compiler = cast(Any, numba.njit)(nogil=True, error_model="numpy", _nrt=False, forceinline=forceinline)
    dispatcher = compiler(function)
    dispatcher._cache = cast(Any, _KernelCache)(function)
    _for_callers(dispatcher)
    return dispatcher


def _for_callers(dispatcher: Any) -> None:
    """How a kernel is compiled for another one that calls it.

    Not anew for each constant that a caller passes: that was half of the compile time. And only as far as the caller
    needs it, which takes its code up and optimises the whole: machine code of its own, its wrappers and its place in
    the cache are made when Python calls it. That was half of what was left.
    """
    template = dispatcher.get_call_template

    def called(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        plain = tuple(map(unliteral, args))
        if not kws and plain not in dispatcher.overloads:
            _compile_for_callers(dispatcher, plain)
        return template(plain, {name: unliteral(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = called


def _compile_for_callers(dispatcher: Any, args: tuple[Any, ...]) -> None:
    compiler = dispatcher._compiler
    customize = compiler._customize_flags

    def without_code(flags: Any) -> Any:
        flags = customize(flags)
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        return flags

    def entry(*values: Any) -> Any:
        """Stands for the machine code: Python's first call makes it."""
        dispatcher.overloads.pop(args, None)
        return dispatcher(*values)

    with global_compiler_lock:
        compiler._customize_flags = without_code
        try:
            result = compiler.compile(args, None)
        finally:
            compiler._customize_flags = customize
        library = result.library
        library._optimize_final_module = lambda: None
        library._finalize_final_module = lambda: setattr(library, "_finalized", True)
        dispatcher.targetctx.insert_user_function(entry, result.fndesc, [library])
        dispatcher.overloads[args] = result._replace(entry_point=entry)
