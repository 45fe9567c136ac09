"""Runs a script of SQL statements in one engine: of the chdb package that is installed, or of a library.

    run.py SCRIPT [LIBRARY]

The engine keeps its tables under ./store; the statements write their answers into the working directory.
"""

import ctypes
import pathlib
import sys


def run_in_package(script: str) -> None:
    import chdb

    chdb.query(script, "JSONEachRow", path="store")


def run_in_library(script: str, library: str) -> None:
    """Calls the same entry as the program's engine process (`src/engine/child.rs`)."""
    engine = ctypes.CDLL(library)
    engine.chdb_query_cmdline.restype = ctypes.c_void_p
    engine.chdb_result_error.restype = ctypes.c_char_p
    engine.chdb_result_error.argtypes = [ctypes.c_void_p]
    arguments = [b"clickhouse", b"--multiquery", b"--path=store", b"--query=" + script.encode()]
    result = engine.chdb_query_cmdline(len(arguments), (ctypes.c_char_p * (len(arguments) + 1))(*arguments))
    error = engine.chdb_result_error(result) if result else b"it returned no result"
    if error:
        sys.exit(error.decode())


if __name__ == "__main__":
    script = pathlib.Path(sys.argv[1]).read_text()
    if len(sys.argv) > 2:
        run_in_library(script, sys.argv[2])
    else:
        run_in_package(script)
