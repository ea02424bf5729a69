"""`endcap studio`: the studio on this machine, for a stack on AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap_local.cli.options import Port
from endcap_local.serving import DEFAULT_PORT


def studio(
    stack: Annotated[str, typer.Option(help="The CloudFormation stack to look at and steer.")],
    port: Port = DEFAULT_PORT,
    publish: Annotated[
        str | None,
        typer.Option(metavar="STACK", help="Upload the pages for this stack of infra/studio.yaml, and end."),
    ] = None,
) -> None:
    """Serve the studio on 127.0.0.1; its requests are signed with your AWS credentials, or bring ENDCAP_TOKEN."""
    from endcap_local.gateway.gateway import Gateway
    from endcap_local.gateway.loopback import START_PARAMETER, Loopback
    from endcap_local.gateway.pages import Pages
    from endcap_local.serving import require_free, serve_until_interrupted, until_interrupted
    from endcap_local.sites import STUDIO, studio_site
    from endcap_local.studio.proxy import StudioProxy
    from endcap_local.studio.publishing import publish_pages, stack_output

    if publish:
        for line in publish_pages(publish, studio_site().folder):
            print(line)
        return
    require_free(port)
    api = stack_output(stack, "ApiUrl")
    gateway = Gateway(port)
    loopback = Loopback(gateway.url)
    with until_interrupted():
        gateway.start(StudioProxy(api, Pages({STUDIO: studio_site()}, STUDIO), loopback))
        try:
            print(f"The studio of {stack} is at {gateway.url}{STUDIO}?{START_PARAMETER}={loopback.start_token}")
            print(f"Requests go to {api}, signed as you (Ctrl-C ends it)", flush=True)
            serve_until_interrupted()
        finally:
            gateway.stop()
