"""`endcap invoke` and `endcap env-json`: functions one by one, without Docker and with SAM."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlparse

import typer

from endcap.errors import InvalidInputError
from endcap_local.cli.options import Json, Template, template_parameters
from endcap_local.serving import find_template

if TYPE_CHECKING:
    from endcap_local.template.template import LocalFunction, StackPlan

EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--aws-endpoint-url",
        envvar="AWS_ENDPOINT_URL",
        help="Where its AWS is, as `endcap local` prints; else an empty one.",
    ),
]
Params = Annotated[list[str] | None, typer.Option("--param", help="Template parameter as NAME=VALUE; repeatable.")]
_PLACE = "http://127.0.0.1:4566"


def invoke(
    function: Annotated[str, typer.Argument(help="Its logical id in the template, or its folder: recommend.")],
    event: Annotated[str, typer.Option("--event", "-e", help="File with the event, as in events/; - reads it.")] = "",
    aws_endpoint_url: EndpointUrl = None,
    env_vars: Annotated[Path | None, typer.Option("--env-vars", "-n", help="Variables, as env-json prints.")] = None,
    build: Annotated[Path, typer.Option(help="Where sam build has put it.")] = Path(".aws-sam/build"),
    template: Template = None,
    param: Params = None,
    as_json: Json = False,
) -> None:
    """Call one function as Lambda would, without Docker: its answer to stdout, its log to stderr."""
    from endcap_local.lambda_runtime.one_call import body_of, call, code_of
    from endcap_local.stack import FUNCTION_ENVIRONMENT

    given, path = _event(event), find_template(template)
    overrides = json.loads(env_vars.read_text()) if env_vars else {}
    with _somewhere(path, template_parameters(param or []), aws_endpoint_url) as (plan, environment):
        chosen = _function(plan, function)
        code = code_of(chosen, path.resolve().parent, build)
        own = {**chosen.environment, **FUNCTION_ENVIRONMENT, **environment}
        for name in ("Parameters", chosen.logical_id):
            own |= overrides.get(name, {})
        answer = call(code, chosen, given, own)
    print(f"{chosen.logical_id} {code.what}", file=sys.stderr)
    sys.stderr.write(answer.log)
    if as_json:
        print(json.dumps({"answer": answer.value, "error": answer.error, "log": answer.log.splitlines()}))
    elif answer.error is None:
        print(json.dumps(body_of(answer.value), ensure_ascii=False, indent=1))
    if answer.error is not None:
        raise InvalidInputError(f"{chosen.logical_id} failed: {answer.error}")


def env_json(
    aws_endpoint_url: EndpointUrl = None,
    host: Annotated[
        str, typer.Option(help="What the container calls this machine; 127.0.0.1 with --docker-network host.")
    ] = "host.docker.internal",
    template: Template = None,
    param: Params = None,
) -> None:
    """Print the variables of every function for `sam local invoke --env-vars`, leading to a local AWS."""
    from endcap_local.console import print_json
    from endcap_local.stack import FUNCTION_ENVIRONMENT
    from endcap_local.template.template import load_plan

    endpoint = _reached_from(aws_endpoint_url or _PLACE, host)
    plan = load_plan(find_template(template), endpoint, template_parameters(param or []))
    here = FUNCTION_ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}
    print_json(  # SAM hands over no variable that the template does not declare
        {
            function.logical_id: {name: here.get(name, value) for name, value in function.environment.items()}
            for function in plan.functions.values()
        }
    )


def _event(source: str) -> Any:
    if not source:
        return {}
    try:
        return json.loads(sys.stdin.read() if source == "-" else Path(source).read_text())
    except ValueError as exc:
        raise InvalidInputError(f"{source} holds no JSON: {exc}") from exc


def _function(plan: StackPlan, name: str) -> LocalFunction:
    for function in plan.functions.values():
        if name in (function.logical_id, function.code_dir.name, function.name):
            return function
    known = ", ".join(sorted(function.code_dir.name for function in plan.functions.values()))
    raise InvalidInputError(f"no function is called {name!r}; there are {known}")


def _reached_from(endpoint: str, host: str) -> str:
    """The address by which a container reaches what this machine calls its own."""
    parts = urlparse(endpoint)
    if parts.hostname not in ("127.0.0.1", "localhost"):
        return endpoint
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


@contextmanager
def _somewhere(
    template: Path, parameters: Mapping[str, str], endpoint: str | None
) -> Iterator[tuple[StackPlan, dict[str, str]]]:
    """The plan, and variables that lead to the AWS that was named; else to one with the template's empty resources."""
    from endcap_local.engine.engine import Engine, environment_of
    from endcap_local.engine.resources import create_resources
    from endcap_local.template.template import load_plan

    if endpoint:
        yield load_plan(template, endpoint, parameters), environment_of(endpoint)
        return
    engine = Engine()
    try:
        plan = load_plan(template, engine.endpoint, parameters)
        create_resources(plan, engine)
        yield plan, engine.environment()
    finally:
        engine.stop()
