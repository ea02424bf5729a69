"""The whole stack in one process: engine, resources, functions, event sources and HTTP API, all from template.yaml."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import boto3

from endcap_local.engine.engine import Engine
from endcap_local.engine.persistence import load_state, save_state
from endcap_local.engine.resources import create_resources
from endcap_local.engine.stack_calls import Rebuild
from endcap_local.event_source_mapping.objects import object_pollers
from endcap_local.event_source_mapping.pollers import Poller, pollers_of
from endcap_local.gateway.access import Access
from endcap_local.gateway.gateway import INTEGRATION_TIMEOUT_S, Gateway, HttpApi, Operation
from endcap_local.gateway.loopback import Loopback
from endcap_local.lambda_runtime.invoker import Invoker
from endcap_local.lambda_runtime.output import FunctionOutput
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.sites import STUDIO, packaged_pages
from endcap_local.template.intrinsics import ACCOUNT_ID, REGION
from endcap_local.template.template import LocalFunction, StackPlan, load_plan

Runner = Callable[[StackPlan, Engine], "Runs"]
"""Makes what runs the functions of a plan on an engine."""

FUNCTION_ENVIRONMENT = {
    "POWERTOOLS_TRACE_DISABLED": "1",  # there is no X-Ray daemon here
    "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR",
    "TZ": ":UTC",
}
_CHEAP = {"LiveCountsSeconds": "0"}
"""Defaults of parameters in place of the template's: nobody is billed for folds here."""
PATIENCE_S = 5
"""How long requests and calls wait at the least: only the machine is slow here, which answers late and not never."""
SHOP_SECRETS = (
    ("ENDCAP_SHOPIFY_SECRET", "ShopifySecretArn"),
    ("ENDCAP_WOOCOMMERCE_SECRET", "WooCommerceSecretArn"),
)
"""Variables of the environment that hold what a shop system signs with, and the parameters that name the secrets."""
_FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_ENDPOINT_URL_")


class Runs(Protocol):
    """What runs functions: `Invoker`, or another in its place."""

    def invoke(self, name: str, event: Mapping[str, Any], patience_s: float | None = None) -> Reply: ...

    def preload(self) -> None: ...

    def stop(self) -> None: ...


class LocalStack:
    """A running stack; use it as a context manager.

    While it runs, `os.environ` holds the functions' variables and leads AWS SDKs to the local engine; afterwards it is
    as before. One stack can run per process.

    Parameters
    ----------
    template : template.yaml
    port : of the HTTP API on 127.0.0.1, 0 for a free one
    parameters : overrides of the template's parameters
    persist : folder that tables and buckets are loaded from at the start and saved to on a clean stop, and that keeps
        the key that snapshots are signed with; None for neither
    redelivery_s : when a message that failed is delivered again
    deliver_every_s : how long the archive's delivery streams hold records back; None for not at all
    verbose : whether functions' output goes to stderr and not to a log file
    integration_timeout_s : how long the API waits for a function
    auth : whether the API enforces the template's authorizers
    runner : makes what runs the functions; None for threads of this process

    Attributes
    ----------
    url : where the API answers
    access : who may call the API; None without `auth`
    start_token : of this start; what operates or signs asks for it
    plan : what was read from the template
    engine : the embedded AWS engine
    log_path : the functions' log file; None with `verbose`
    """

    def __init__(
        self,
        template: Path = Path("template.yaml"),
        *,
        port: int = 0,
        parameters: Mapping[str, str] | None = None,
        persist: Path | None = None,
        redelivery_s: int = 1,
        deliver_every_s: float | None = None,
        verbose: bool = False,
        integration_timeout_s: float = INTEGRATION_TIMEOUT_S,
        auth: bool = False,
        runner: Runner | None = None,
    ) -> None:
        self._template, self._port, self._parameters = template, port, dict(parameters or {})
        if self._parameters.get("Storefront") == "on":
            self._parameters.setdefault("StorefrontSecret", secrets.token_hex(32))
        self._persist, self._redelivery_s, self._verbose = persist, redelivery_s, verbose
        self._integration_timeout_s, self._auth = integration_timeout_s, auth
        self._deliver_every_s = deliver_every_s
        self._environment_before: dict[str, str] = {}
        self._pollers: list[Poller] = []
        self._operations: dict[str, Operation] = {}
        self._runner = runner
        self._folder: Path | None = None
        self.log_path: Path | None = None

    def start(self) -> LocalStack:
        """Start everything; the API answers when this returns."""
        self._environment_before = dict(os.environ)
        for name in list(os.environ):
            if name.startswith(_FOREIGN):
                del os.environ[name]
        try:
            keys = self._persist / "keys" if self._persist is not None else None
            self.engine = Engine(keys=keys, deliver_every_s=self._deliver_every_s)
        except BaseException:
            self._restore()
            raise
        try:
            self._start()
        except BaseException:
            self._restore()
            self.engine.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything, and save tables and buckets where that was asked for."""
        self._gateway.stop()
        if self._persist is not None:
            with suppress(TimeoutError):  # what is still on its way is not kept
                self.wait_until_idle(10.0)
        for poller in self._pollers:
            poller.stop()
        self._invoker.stop()
        self._output.uninstall()
        try:
            if self._persist is not None:
                save_state(self._persist, self.plan, self.engine)
        finally:
            self._restore()
            self.engine.stop()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, logical_id: str, event: Mapping[str, Any]) -> Reply:
        """Invoke a function by its logical id in the template, as `aws lambda invoke` would."""
        return self._invoker.invoke(self.function(logical_id).name, event)

    @property
    def studio_url(self) -> str:
        """Where the studio is looked at, with the token of this start."""
        return f"{self.url}{STUDIO}?start={self.start_token}"

    def rebuild_by(self, rebuild: Rebuild) -> None:
        """Let `POST /admin/rebuilds` start this; to be said before the first request."""
        os.environ["REBUILD_STATE_MACHINE"] = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:local"
        self.engine.calls.rebuild = rebuild

    def offer(self, path: str, operation: Operation) -> None:
        """Answer `POST path` with what `operation` returns; only who was told the token of this start may ask."""
        self._operations[path] = operation

    def function(self, logical_id: str) -> LocalFunction:
        """A function by its logical id in the template."""
        for function in self.plan.functions.values():
            if function.logical_id == logical_id:
                return function
        raise KeyError(logical_id)

    @property
    def storefront_secret(self) -> str | None:
        """What the storefront door knows shoppers' tokens by; None where it is closed."""
        return self._parameters.get("StorefrontSecret") if self._parameters.get("Storefront") == "on" else None

    @property
    def snapshot_key(self) -> str:
        """ARN of the key that snapshots are signed with, on the local engine; empty where the template has none."""
        return self.function("PromoteFunction").environment.get("SNAPSHOT_KEY", "")

    def client(self, service: str) -> Any:
        """A boto3 client of the local engine."""
        return self.engine.client(service)

    def wait_until_idle(self, timeout_s: float = 60.0) -> None:
        """Return when every queue and stream that feeds a function is drained and settled.

        Raises
        ------
        TimeoutError : it did not happen in time
        """
        deadline = time.monotonic() + timeout_s
        while not all(poller.is_idle() for poller in self._pollers):
            if time.monotonic() > deadline:
                busy = [poller.name for poller in self._pollers if not poller.is_idle()]
                raise TimeoutError(f"still busy after {timeout_s:g} s: {', '.join(busy)}")
            time.sleep(0.005)

    def __enter__(self) -> LocalStack:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self._keep_secrets()
        self.plan: StackPlan = load_plan(self._template, self.engine.endpoint, self._parameters, _CHEAP)
        self._set_environment()
        create_resources(self.plan, self.engine)
        if self._persist is not None:
            load_state(self._persist, self.plan, self.engine)
        self._folder = Path(tempfile.mkdtemp(prefix="endcap-local-"))
        os.environ["SNAPSHOT_CACHE"] = str(self._folder / "snapshots")
        if not self._verbose:
            self.log_path = self._folder / "functions.log"
        self._output = FunctionOutput(self.log_path)
        warnings.filterwarnings("ignore", "No application metrics to publish")  # a request may well have none
        behind_api = frozenset(route.function for route in self.plan.routes)
        self._invoker: Runs = (
            self._runner(self.plan, self.engine)
            if self._runner
            else Invoker(self.plan.functions, behind_api, self._output)
        )
        self._pollers = pollers_of(self.plan, self.engine, self._invoker.invoke, self._redelivery_s)
        self._pollers += object_pollers(self.plan, self.engine, self._invoker.invoke)
        self.engine.calls.invoke = self._invoker.invoke
        self.engine.count_by(self._output.counted.taken)
        self._gateway = Gateway(self._port)
        self.url = self._gateway.url
        loopback = Loopback(self.url)
        self.start_token = loopback.start_token
        try:
            self.access = Access(self.plan.routes, self.url, loopback.start_token) if self._auth else None
        except BaseException:
            self._gateway.stop()
            raise
        api = HttpApi(
            self.plan.routes,
            self._invoker.invoke,
            self._integration_timeout_s,
            self.access,
            loopback,
            self._operations,
            packaged_pages(),
        )
        self._output.install()
        for poller in self._pollers:
            poller.start()
        self._invoker.preload()
        self._gateway.start(api)

    def _keep_secrets(self) -> None:
        """Secrets of shop systems that the environment names, where functions look for them."""
        for variable, parameter in SHOP_SECRETS:
            secret = self._environment_before.get(variable, "")
            if secret and parameter not in self._parameters:
                made = self.engine.client("secretsmanager").create_secret(Name=variable.lower(), SecretString=secret)
                self._parameters[parameter] = made["ARN"]

    def _set_environment(self) -> None:
        # Variables are the process's, so a name can have one value here; the template gives all functions the same.
        variables = dict(FUNCTION_ENVIRONMENT)
        for function in self.plan.functions.values():
            variables |= function.environment
        here = {
            "ARCHIVE_BUFFER_SECONDS": "0",  # the engine's delivery streams hold nothing back
            "READ_PATIENCE_SECONDS": str(PATIENCE_S),
            "CALL_PATIENCE_SECONDS": str(PATIENCE_S),
        }
        os.environ.update(variables | here | self.engine.environment())
        boto3.DEFAULT_SESSION = None  # it may hold other credentials

    def _restore(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment_before)
        boto3.DEFAULT_SESSION = None
