"""`rules-engine serve`: the engine as a small HTTP service, with a page."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import click


def _studies(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or not name.replace("_", "").replace("-", "").isalnum() or name == "demo" or name in found:
            raise click.BadParameter(f"{text!r} is not NAME=FOLDER with a name of its own, such as trial=data/trial")
        if not Path(folder).is_dir():
            raise click.BadParameter(f"{folder!r} is no folder")
        found[name] = Path(folder)
    return found


@click.command("serve", short_help="Serve the engine over HTTP, with a page.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--study", "studies", multiple=True, callback=_studies, metavar="NAME=FOLDER",
    help="Offer the study in this folder under a name; may be given several times.",
)  # fmt: skip
@click.option("--no-demo", is_flag=True, help="Do not offer the made-up study.")
@click.option(
    "--allow-host", "names", multiple=True, metavar="NAME",
    help="Answer under this name as well (the `Host` header, without port); may be given several times.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs that go on at once.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=600, show_default=True, help="Seconds that a run may take."
)
@click.option("--max-body", type=click.IntRange(1), default=64, show_default=True, help="Largest request, in MiB.")
@click.option(
    "--max-memory", type=click.IntRange(256), default=4096, show_default=True, help="Memory of a worker, in MiB."
)
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
def command(
    host: str,
    port: int,
    studies: dict[str, Path],
    no_demo: bool,
    names: tuple[str, ...],
    workers: int,
    timeout: float,
    max_body: int,
    max_memory: int,
    as_json: bool,
) -> None:
    """Serve a page where a ruleset is edited, run and compared, and the HTTP interface behind it, until Ctrl-C.

    The page is at /, the interface at /api/v1, its OpenAPI document at /openapi.json. Rulesets are sent as text and studies uploaded,
    or run on the folders named with --study; the service reads no other file, and what it keeps goes when it ends. There are no
    users and no passwords: it listens on this machine alone unless told otherwise, and belongs behind a proxy that knows who asks
    where others are to reach it.

    \b
    Examples:
      rules-engine serve                                   then open http://127.0.0.1:8765
      rules-engine serve --study trial=data/trial --port 9000
      rules-engine serve --host 0.0.0.0 --allow-host endpoints.hospital.example

    Needs the extra `service`: pip install "endpoint-rules-engine[service]".
    """
    from rules_engine.errors import UsageError

    try:
        import uvicorn

        from rules_engine.service import ServiceSettings, create_app
    except ImportError as error:
        remedy = 'install the extra: pip install "endpoint-rules-engine[service]"'
        raise UsageError.at("serve", f"it needs {error.name}, which is not installed", remedy) from None
    from rules_engine.registry import default_registry
    from rules_engine.service.settings import MEBIBYTE

    settings = ServiceSettings(
        studies=studies,
        demo=not no_demo,
        hosts=(*ServiceSettings.hosts, *names),
        max_body=max_body * MEBIBYTE,
        run_seconds=timeout,
        workers=workers,
        max_memory=max_memory * MEBIBYTE,
        plugins=default_registry().selection,
    )
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    click.echo(
        json.dumps({"ok": True, "url": url}) if as_json else f"The page: {url}\nThe interface: {url}/openapi.json"
    )
    config = uvicorn.Config(
        create_app(settings), log_config=None, access_log=False, server_header=False, limit_concurrency=100,
        timeout_keep_alive=10, timeout_graceful_shutdown=5,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises `UsageError` where it cannot."""
    from rules_engine.errors import UsageError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # whoever reads the address may ask at once, and waits until the service is ready
    except OSError as error:
        listening.close()
        where, remedy = f"{host}, port {port}", "name another --port (0 takes a free one), or end what listens there"
        raise UsageError.at(where, f"it cannot be listened on: {error.strerror or error}", remedy) from None
    return listening
