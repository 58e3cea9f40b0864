"""``python -m musaic_core.studio``: open the studio in the browser."""

import contextlib
import threading
import webbrowser
from pathlib import Path

import click
import uvicorn

from musaic_core.data.errors import InputError
from musaic_core.studio.server import make_app


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--port", default=8765, show_default=True, help="0 takes any free one.")
@click.option("--no-browser", is_flag=True, help="Print the address, and no more.")
def main(file: Path | None, port: int, no_browser: bool) -> None:
    """Look at a recording, listen to what models find in it, and correct them."""
    folder = file.parent if file else Path.cwd()
    app = make_app(folder)
    click.get_current_context().call_on_close(app.state.studio.close)
    if file:
        try:
            app.state.studio.opened = app.state.studio.open(file.resolve()).id
        except InputError as error:
            raise click.ClickException(str(error)) from None
    app.state.studio.warm_up()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,  # pages listen for as long as they are open
    )
    try:
        socket = config.bind_socket()
    except SystemExit:
        raise click.ClickException(
            f"port {port} is taken; --port 0 takes a free one"
        ) from None
    socket.listen()  # who reads the address may ask at once
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    click.echo(f"{address} (works are saved in {folder.resolve()}; Ctrl+C ends it)")
    if not no_browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    with contextlib.suppress(KeyboardInterrupt):
        Server(config, app.state.studio).run([socket])


class Server(uvicorn.Server):
    """Ends when it is told to, though pages listen and wait for models.

    Parameters
    ----------
    config : uvicorn.Config
    studio : Studio
    """

    def __init__(self, config, studio) -> None:
        super().__init__(config)
        self.studio = studio

    def handle_exit(self, sig, frame) -> None:
        """Stop what runs, and then the server.

        Parameters
        ----------
        sig : int
        frame : frame or None
        """
        self.studio.end()
        super().handle_exit(sig, frame)


if __name__ == "__main__":
    main()
