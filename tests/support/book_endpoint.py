"""The endpoint of *Clean Architectures in Python*: Flask over the package's public names.

It stands for the code of existing users, which the package must fit. It imports nothing of the tests, because one of
them runs it in containers.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, request

from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.requests.room_list import build_room_list_request
from rentomatic.responses import ResponseTypes
from rentomatic.serializers.room import RoomJsonEncoder
from rentomatic.use_cases.room_list import room_list_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_CODES = {
    ResponseTypes.SUCCESS: 200,
    ResponseTypes.RESOURCE_ERROR: 404,
    ResponseTypes.PARAMETERS_ERROR: 400,
    ResponseTypes.SYSTEM_ERROR: 500,
}
_VARIABLES = ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_HOSTNAME", "POSTGRES_PORT", "APPLICATION_DB")


def create_app(configuration: Mapping[str, str] | None = None) -> Flask:
    """Return the application, over the database of the environment unless told otherwise."""
    settings = configuration or {variable: os.environ[variable] for variable in _VARIABLES}
    blueprint = Blueprint("room", __name__)

    @blueprint.route("/rooms", methods=["GET"])
    def room_list() -> Response:
        filters = {
            name.removeprefix("filter_"): value for name, value in request.args.items() if name.startswith("filter_")
        }
        response = room_list_use_case(PostgresRepo(settings), build_room_list_request(filters=filters))
        body = json.dumps(response.value, cls=RoomJsonEncoder)
        return Response(body, mimetype="application/json", status=STATUS_CODES[response.type])

    app = Flask(__name__)
    app.register_blueprint(blueprint)
    return app
