"""Who may ask: pages of this machine, and of the studio alone."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

HOSTS = {"127.0.0.1", "localhost"}
# a page loads the studio's own; its scripts may make pictures and sounds
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class LocalOnly:
    """Refuses what does not come from this machine, or from another page's script.

    A site that a user visits can have the browser ask a server on that machine: its
    origin tells it, and the host that it names where it has rebound its own.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        """Pass a request on, or refuse it.

        Parameters
        ----------
        scope, receive, send
            As ASGI has them.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        reason = refused(headers, scope.get("server"))
        if reason:
            await JSONResponse({"error": reason}, 403)(scope, receive, send)
            return

        async def guarded(message):
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                told["Content-Security-Policy"] = POLICY
                told["X-Content-Type-Options"] = "nosniff"
                told["Referrer-Policy"] = "no-referrer"
                told["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        await self.app(scope, receive, guarded)


def refused(headers: Headers, server: tuple | None) -> str | None:
    """Say why a request is refused.

    Parameters
    ----------
    headers : Headers
    server : tuple of (str, int) or None
        Address and port that it came to.

    Returns
    -------
    str or None
        None if it is not.
    """
    port = server[1] if server else None
    host = headers.get("host", "")
    if not _is_here(host, port):
        return f"{host!r} is not this machine; open http://127.0.0.1:{port}"
    for origin in headers.getlist("origin"):
        if origin.lower() != f"http://{host.lower()}":
            return f"{origin!r} is another page's; it may not use the studio"
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return "another page may not use the studio"
    return None


def _is_here(host, port):
    name, _, given = host.lower().partition(":")
    return name in HOSTS and (given or "80") == str(port)
