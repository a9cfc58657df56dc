"""``cristae serve``: the server that Fiji and macros talk to."""

import argparse
from pathlib import Path

from cristae.commands.arguments import Commands, home_of, new_command

DESCRIPTION = """\
Run the server until Ctrl-C. It listens on this machine only, and every call needs the token in the home
folder. From another machine reach it through an SSH tunnel; beyond loopback it listens only with a TLS
certificate.
"""
EXAMPLE = """\
  cristae serve --port 7867
  cristae serve --port 7867 --data-root /data/microscope
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "serve",
        summary="run the server that Fiji talks to",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    add("--port", type=port, default=0, help="the port to listen on (default: 0, any free one)")
    add(
        "--tls-certificate",
        metavar="FILE",
        type=Path,
        help="the certificate chain (PEM), to listen beyond loopback",
    )
    add("--tls-key", metavar="FILE", type=Path, help="its private key (PEM)")
    add(
        "--data-root",
        metavar="FOLDER",
        type=Path,
        help="offer the images in this folder: who has the token may list and segment them unsent",
    )
    add("--stop-with", metavar="PID", type=int, help="end when this process has ended and no job runs")
    command.set_defaults(run=run)


def port(text: str) -> int:
    """Read the number of a port.

    Examples
    --------
    >>> port("7867")
    7867
    """
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port; ports are 0 to 65535")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the end."""
    from cristae.service import serve

    home = home_of(arguments)

    def tell(address: str) -> None:
        print(
            f"Listening on {address}. The token is in {home.token_file}. Ctrl-C ends the server.", flush=True
        )

    serve(
        home,
        host=arguments.host,
        port=arguments.port,
        tls_certificate=arguments.tls_certificate,
        tls_key=arguments.tls_key,
        stop_with=arguments.stop_with,
        data_root=arguments.data_root,
        on_ready=tell,
    )
    return 0
