"""GET /: the console, a page made of files in this package; nothing comes from another host.

The chart library is uPlot, as the package youplot brings it: its Python code is never imported.
"""

from __future__ import annotations

from importlib.metadata import distribution
from importlib.resources import as_file, files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

CHART_FILES = {"uplot.js": "uplot.iife.min.js", "uplot.css": "uplot.min.css"}


def chart_file(name: str) -> Path:
    """Return where a file of the chart library lies; its name is one of CHART_FILES."""
    return Path(str(distribution("youplot").locate_file(f"youplot/vendor/{CHART_FILES[name]}")))


def add_console(app: FastAPI) -> None:
    """Serve the page and what it needs."""
    with as_file(files(__name__) / "static") as folder:
        page = Path(folder) / "index.html"
        for name in CHART_FILES:
            _serve(app, f"/console/{name}", chart_file(name))
        app.mount("/console", StaticFiles(directory=folder), name="console")
        _serve(app, "/", page)


def _serve(app: FastAPI, path: str, file: Path) -> None:
    @app.get(path, include_in_schema=False)
    async def serve() -> FileResponse:
        return FileResponse(file)
