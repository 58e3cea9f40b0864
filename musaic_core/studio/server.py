"""The studio's HTTP: pages of this machine alone, and no file but those asked for."""

import contextlib
import json
import shutil
from importlib.resources import files
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from musaic_core.data.errors import InputError
from musaic_core.studio import answers
from musaic_core.studio.asked import WHOLE
from musaic_core.studio.guard import LocalOnly
from musaic_core.studio.home import Studio, name_of
from musaic_core.studio.session import StaleError
from musaic_core.studio.sound import no_room

LARGEST = 2 * 2**30  # bytes of a recording
LARGEST_JSON = 2**20
GONE = "this recording is not open any more; open it"
HERE = Path(__file__).parent
PLOTLY = files("plotly") / "package_data" / "plotly.min.js"
ACTIONS = ("undo", "redo", "stop", "save", "make-sure")
PUBLISHED = [("musaic_core.publish", "static")]  # what pages there have too


def make_app(folder: Path) -> Starlette:
    """Make the studio's application.

    Parameters
    ----------
    folder : Path
        In which works are saved.

    Returns
    -------
    Starlette
        Its ``state.studio`` is the `Studio`.
    """
    studio = Studio(folder)

    def session_of(request):
        session = studio.sessions.get(request.path_params["id"])
        if session is None:
            raise HTTPException(404, GONE)
        return session

    def at(path, act, method="GET"):
        async def endpoint(request):
            return await act(session_of(request), request)

        return Route(f"/api/recordings/{{id}}/{path}", endpoint, methods=[method])

    async def page(request):
        return FileResponse(HERE / "templates" / "studio.html")

    async def choices(request):
        works = await run_in_threadpool(studio.works)
        await run_in_threadpool(lambda: [q.task for q in studio.questions.values()])
        return JSONResponse(
            {
                "folder": str(studio.folder),
                "works": works,
                "unsaved": studio.unsaved(),
                "opened": studio.opened,
                "questions": [
                    {
                        "name": question.name,
                        "title": question.title,
                        "labels": list(question.task.labels),
                        "models": [
                            model.as_json(name)
                            for name, model in question.models.items()
                        ],
                    }
                    for question in studio.questions.values()
                ],
            }
        )

    async def drop(request):
        name = name_of(request.query_params.get("name", ""))
        file = studio.temporary() / name
        try:
            await _receive(request, file)
            return _described(await run_in_threadpool(studio.take, file))
        except BaseException:
            shutil.rmtree(file.parent, ignore_errors=True)
            raise

    async def open_work(request):
        asked = (await _body_of(request)).get("file")
        known = {work["file"]: work["name"] for work in studio.works()}
        if not isinstance(asked, str) or asked not in known:
            raise HTTPException(404, f"no such work in {studio.folder}")
        file = studio.folder / known[asked]
        return _described(await run_in_threadpool(studio.open, file))

    async def show(request):
        id = request.path_params["id"]
        session = await run_in_threadpool(studio.look, id)
        if session is None:
            raise HTTPException(404, GONE)
        return _described(session)

    async def audio(session, request):
        name = request.path_params.get("name")  # of a stem
        if "start" in request.query_params:
            told = session, name, _stretch_of(request)
            return await _passing(answers.stretch_file, *told)

        def whole():
            return answers.stem_file(session, name) if name else session.sound.file

        file = await run_in_threadpool(whole)
        return FileResponse(file, media_type="audio/flac")

    async def state(session, request):
        return JSONResponse(session.state())

    async def ask(session, request):
        asked = await _body_of(request)
        session.ask(str(asked.get("question")), str(asked.get("model")))
        return JSONResponse(session.state(), 202)

    async def change(session, request):
        asked = await _body_of(request)
        session.change(asked.get("version"), asked.get("change"))
        return JSONResponse(session.state())

    def act(method):
        async def endpoint(session, request):
            made = await run_in_threadpool(getattr(session, method))
            more = {"told": made} if made else {}
            return JSONResponse(session.state() | more)

        return endpoint

    async def events(session, request):
        told = StreamingResponse(
            _told_of(session, request), media_type="text/event-stream"
        )
        told.headers["Cache-Control"] = "no-store"
        return told

    async def answer(session, request):
        return JSONResponse(await run_in_threadpool(answers.answer_of, session))

    async def levels(session, request):
        data = await run_in_threadpool(answers.levels, session)
        return Response(data, media_type="application/octet-stream")

    async def components(session, request):
        gains = request.query_params.get("gains", "")
        told = session, gains, _stretch_of(request)
        return await _passing(answers.components_audio, *told)

    async def spectrogram(session, request):
        png, axes = await run_in_threadpool(answers.picture, session)
        headers = {"X-Axes": json.dumps(axes)}
        return Response(png, media_type="image/png", headers=headers)

    async def prepare(session, request):
        what = request.path_params["what"]
        await run_in_threadpool(answers.export, session, what)
        return JSONResponse(session.state())

    async def exported(session, request):
        what = request.path_params["what"]
        file, name = await run_in_threadpool(answers.export, session, what)
        return FileResponse(file, filename=name)

    routes = [
        Route("/", page),
        Route("/api/choices", choices),
        Route("/api/recordings", drop, methods=["POST"]),
        Route("/api/works", open_work, methods=["POST"]),
        Route("/api/recordings/{id}", show),
        at("audio", audio),
        at("state", state),
        at("ask", ask, "POST"),
        at("events", events),
        at("answer", answer),
        at("levels", levels),
        at("change", change, "POST"),
        *(at(what, act(what.replace("-", "_")), "POST") for what in ACTIONS),
        at("stems/{name}", audio),
        at("components", components),
        at("spectrogram", spectrogram),
        at("export/{what}", prepare, "POST"),
        at("export/{what}", exported),
        Route("/static/plotly.js", lambda _: FileResponse(PLOTLY)),
        Mount("/static", StaticFiles(directory=HERE / "static", packages=PUBLISHED)),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        studio.close()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(LocalOnly)],
        exception_handlers={
            InputError: lambda _, error: _failed(422, str(error)),
            OSError: lambda _, error: _failed(507, no_room("the studio", error)),
            StaleError: lambda *_: _failed(
                409, "it was changed by another page; look at it again"
            ),
            ClientDisconnect: lambda *_: _failed(499, "the page was closed meanwhile"),
            HTTPException: lambda _, error: _failed(error.status_code, error.detail),
            Exception: lambda *_: _failed(500, "the studio made a mistake; try again"),
        },
    )
    app.state.studio = studio
    return app


def _described(session):
    """What a page is told of a recording that it has opened."""
    return JSONResponse(
        {
            "id": session.id,
            "name": session.name,
            "duration": session.sound.duration,
            "whole": session.sound.duration <= WHOLE,
            "peaks": session.sound.peaks,
            "work": session.state(),
        }
    )


def _stretch_of(request):
    """From when to when a page asks for, s."""
    asked = request.query_params
    try:
        stretch = float(asked.get("start", 0)), float(asked.get("end", "inf"))
    except ValueError:
        raise InputError("start and end are to be numbers, in s") from None
    if not 0 <= stretch[0] < stretch[1]:
        raise InputError("start is to be from 0 on, and end after it, in s")
    return stretch


async def _passing(make, *told):
    """Audio of a file that is made for this answer, and goes with it."""
    file = await run_in_threadpool(make, *told)
    gone = BackgroundTask(file.unlink, missing_ok=True)
    return FileResponse(file, media_type="audio/flac", background=gone)


def _failed(status, reason):
    """An error in one line."""
    return JSONResponse({"error": " ".join(str(reason).split())}, status)


async def _receive(request, file):
    """Write what is sent to a file."""
    size = 0
    try:
        with file.open("wb") as opened:
            async for part in request.stream():
                size += len(part)
                if size > LARGEST:
                    raise HTTPException(413, f"{file.name}: is above 2 GB; cut it")
                await run_in_threadpool(opened.write, part)
    except OSError as error:
        raise no_room(file.name, error) from None


async def _body_of(request):
    """The JSON object that a page has sent."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > LARGEST_JSON:
            raise HTTPException(413, "more than a page would say")
    try:
        asked = json.loads(data)
        json.dumps(asked, ensure_ascii=False).encode()  # halves of characters are not
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise InputError("what was sent is no JSON object")
    return asked


async def _told_of(session, request):
    """Events of a recording, as long as a page listens."""
    version = progress = None
    session.listeners += 1
    try:
        studio = request.app.state.studio
        while not (studio.ended or await request.is_disconnected()):
            state = session.state()
            if state["version"] != version:
                version = state["version"]
                yield _event("state", state)
                if not state["running"] and state["answered"]:
                    yield _event("answer", {"version": version})
            running = state["running"] and (
                state["running"]["part"],
                state["running"]["of"],
            )
            if running and running != progress:
                yield _event("progress", {"part": running[0], "of": running[1]})
            progress = running
            await anyio.sleep(0.1)
    finally:
        session.listeners -= 1


def _event(name, data):
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
