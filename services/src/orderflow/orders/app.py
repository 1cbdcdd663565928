"""The HTTP API as an application, made from what it needs, so that a test may give it something else."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from orderflow.orders import problems
from orderflow.orders.console import add_console
from orderflow.orders.docs import add_docs
from orderflow.orders.health import Lifecycle, health_routes
from orderflow.orders.intake import Intake
from orderflow.orders.lag import LagSource, ends_of, lag_routes, open_sampler
from orderflow.orders.live.broadcast import Broadcast
from orderflow.orders.live.routes import live_routes
from orderflow.orders.openapi import describe
from orderflow.orders.problems import MEDIA_TYPE, Problem
from orderflow.orders.queries import query_routes
from orderflow.orders.recent import RecentOrders
from orderflow.orders.routes import PlaceOrder
from orderflow.orders.scaler import worker_routes
from orderflow.orders.security import Keys, SecurityHeaders
from orderflow.orders.settings import OrdersSettings
from orderflow.orders.tables import Tables
from orderflow.orders.tracing import traced


class OrdersApi(FastAPI):
    """FastAPI, with its own way for the one request that comes in thousands."""

    place_order: ASGIApp
    broadcast: Broadcast

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/orders" and scope["method"] == "POST":
            await self.place_order(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    intake: Intake,
    settings: OrdersSettings,
    lifecycle: Lifecycle | None = None,
    *,
    lag: LagSource | None = None,
) -> OrdersApi:
    """Return the Order Service. Whoever runs it starts and stops the intake, and calls `lifecycle.at_end`."""
    app = OrdersApi(title="Orderflow", docs_url=None, redoc_url=None)
    lifecycle = lifecycle or Lifecycle()
    lag, tables = lag or open_sampler(settings), Tables(settings.database_url)
    keys = Keys(settings.accepted_keys)
    recent = RecentOrders(settings.api_remembered_orders)
    app.place_order = traced(PlaceOrder(intake, recent, keys, settings), settings, lifecycle)
    # Never reached by POST; for other methods it answers 405.
    app.router.routes.append(Route("/orders", app.place_order, methods=["POST"], include_in_schema=False))
    app.include_router(
        query_routes(tables, recent, keys, lambda: ends_of(lag.last(), settings.analytics_group))
    )
    app.include_router(health_routes(intake, lifecycle, settings))
    app.broadcast = Broadcast(settings, lambda: intake.kafka.waits_for, lambda: lifecycle.stopping)
    lifecycle.at_end += [app.broadcast.close, lag.stop, tables.close]
    app.include_router(live_routes(app.broadcast, keys, settings))
    app.include_router(worker_routes(settings.scaler_url, keys))
    app.include_router(lag_routes(lag, keys))
    add_docs(app)
    add_console(app)
    app.add_middleware(SecurityHeaders)
    _answer_with_problems(app)
    describe(app, settings)
    return app


def _answer_with_problems(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def known(_request: Request, problem: Problem) -> Response:
        return _response(problem)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        return _response(problems.of_status(error.status_code, str(error.detail), error.headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        first: dict[str, Any] = error.errors()[0]
        where, *path = map(str, first["loc"])
        wrong = problems.invalid_query if where == "query" else problems.invalid_field
        return _response(wrong(".".join(path), first["msg"]))

    @app.exception_handler(Exception)
    async def failed(_request: Request, _error: Exception) -> Response:
        # The server logs it: the framework raises it again behind this answer.
        return _response(problems.internal())


def _response(problem: Problem) -> Response:
    return Response(problem.body, problem.status, problem.headers, MEDIA_TYPE)
