"""`endcap replay`: what lies in quarantine and in dead-letter queues, and sending it again."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlparse

import typer

from endcap_local.cli.options import Json

if TYPE_CHECKING:
    from rich.console import Console

    from endcap.aws.replay import Outcome

_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}
_OUTPUTS = {
    "bucket": "DataBucketName",
    "queue": "EventsQueueUrl",
    "dead_letters": "EventsDeadLetterQueueUrl",
    "stream_failures": "StreamFailuresQueueUrl",
}
_LOCAL_NAMES = {
    "bucket": "endcap-local-databucket",
    "queue": "endcap-local-EventsQueue",
    "dead_letters": "endcap-local-EventsDeadLetterQueue",
    "stream_failures": "endcap-local-StreamFailuresQueue",
}


def replay(
    source: Annotated[
        Literal["quarantine", "dlq"] | None, typer.Option("--from", help="Only these; by default both.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Only what has this text among its reasons.")] = "",
    since: Annotated[str | None, typer.Option(help="Only what arrived since: 90m, 12h, 7d, ISO 8601.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many of each place; the rest stays.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send them; without it they are only counted.")] = False,
    stack: Annotated[str | None, typer.Option(help="Name of the stack, whose outputs name what follows.")] = None,
    bucket: Annotated[str | None, typer.Option(help="The data bucket.", envvar="DATA_BUCKET")] = None,
    queue_url: Annotated[str | None, typer.Option(help="The events queue.", envvar="EVENTS_QUEUE_URL")] = None,
    dlq_url: Annotated[list[str] | None, typer.Option(help="A dead-letter queue of events; repeatable.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(help="Of another AWS than the real one.", envvar="AWS_ENDPOINT_URL")
    ] = None,
    as_json: Json = False,
) -> None:
    """Count the events in quarantine and dead-letter queues, and send chosen ones again.

    Nothing is sent without --yes. An event counts once however often it is sent. Exit code 1: some were not taken.
    """
    from rich.console import Console

    from endcap.aws.replay import Queue
    from endcap.aws.replay import replay as run
    from endcap.aws.strays import DeadLetterQueue, QuarantineFolder, Slot
    from endcap_local.console import print_json, progress_bar

    if endpoint_url and urlparse(endpoint_url).scheme not in ("http", "https"):
        raise typer.BadParameter(f"{endpoint_url!r} is no http address", param_hint="--endpoint-url")
    started_ms = int(time.time() * 1000)
    since_ms = 0 if since is None else since_moment(since, started_ms)
    aws = _Aws(endpoint_url)
    known = _names(aws, stack)
    if bucket:
        known["bucket"] = bucket
    if queue_url:
        known["queue"] = queue_url
    dead_letters = dlq_url or ([known["dead_letters"]] if "dead_letters" in known else [])
    places: list[Slot] = []
    if source != "dlq" and "bucket" in known:
        places.append(QuarantineFolder(aws.client("s3"), known["bucket"]))
    if source != "quarantine":
        places += [DeadLetterQueue(aws.client("sqs"), url) for url in dead_letters]
    if not places or (yes and "queue" not in known):
        raise typer.BadParameter("name the stack, or --bucket, --queue-url and --dlq-url", param_hint="--stack")
    queue = Queue(aws.client("sqs"), known["queue"]) if yes else None
    console = Console(highlight=False, stderr=as_json)
    with progress_bar(console) as progress:
        outcomes = [(place.name, run(place, queue, since_ms, started_ms, reason, limit, progress)) for place in places]
    stuck = aws.message_count(known["stream_failures"]) if "stream_failures" in known and source is None else 0
    if as_json:
        print_json(
            {
                "places": [{"from": name, **vars(outcome)} for name, outcome in outcomes],
                "sends": yes,
                "in_streams": stuck,
            }
        )
    else:
        _print(console, outcomes, yes, stuck)
    if any(outcome.refused for _, outcome in outcomes):
        raise typer.Exit(1)


def since_moment(text: str, now_ms: int) -> int:
    """Milliseconds since 1970 of an ISO 8601 or unix time, or of some minutes, hours or days ago."""
    from endcap.validation import timestamp_ms

    if age := re.fullmatch(r"(\d+)([mhd])", text):
        return now_ms - int(age[1]) * _UNITS_S[age[2]] * 1000
    try:
        return timestamp_ms(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r}: {exc}, or such as 12h or 7d", param_hint="--since") from None


class _Aws:
    """Clients of the account at hand, or of the local stack."""

    def __init__(self, endpoint_url: str | None) -> None:
        import boto3

        from endcap.aws.clients import BACKGROUND
        from endcap_local.engine.engine import CREDENTIALS
        from endcap_local.template.intrinsics import REGION

        self.is_local = endpoint_url is not None and urlparse(endpoint_url).hostname in ("127.0.0.1", "localhost")
        self._options: dict[str, Any] = {"endpoint_url": endpoint_url, "config": BACKGROUND}
        if self.is_local:  # what serves there asks for no keys, but boto3 does
            key, secret = CREDENTIALS.values()
            self._options |= {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": REGION}
        self._session = boto3.Session()

    def client(self, service: str) -> Any:
        return self._session.client(service, **self._options)  # type: ignore[call-overload]

    def message_count(self, url: str) -> int:
        from endcap.aws.clients import aws_errors

        name = "ApproximateNumberOfMessages"
        with aws_errors("count messages"):
            answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])


def _names(aws: _Aws, stack: str | None) -> dict[str, str]:
    """Bucket and queues of a stack, by its outputs; those of the local stack by its own names."""
    from endcap.aws.clients import aws_errors
    from endcap_local.stack_names import outputs_of

    if stack is not None:
        outputs = outputs_of(aws.client("cloudformation"), stack)
        return {name: outputs[key] for name, key in _OUTPUTS.items() if key in outputs}
    if not aws.is_local:
        return {}
    sqs, names = aws.client("sqs"), {"bucket": _LOCAL_NAMES["bucket"]}
    for name in ("queue", "dead_letters", "stream_failures"):
        with aws_errors("find the local stack's queues"):
            names[name] = sqs.get_queue_url(QueueName=_LOCAL_NAMES[name])["QueueUrl"]
    return names


def _print(console: Console, outcomes: list[tuple[str, Outcome]], sends: bool, stuck: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from endcap.aws.strays import HIDDEN_S

    for name, outcome in outcomes:
        if outcome.unseen:
            console.print(
                f"{name}: about {outcome.unseen:,} were not looked at: too many for one run, or hidden for up to "
                f"{HIDDEN_S // 60} minutes, by another reader or a run that was cut off. Run it again."
            )
        elif not outcome.found:
            console.print(f"{name}: nothing")
        if not outcome.found:
            continue
        table = Table("why", "events" if name == "quarantine" else "messages", title=name, title_justify="left")
        table.columns[1].justify = "right"
        for why, count in outcome.reasons.most_common():
            table.add_row(Text(why), f"{count:,}")  # what clients sent is no markup
        console.print(table)
        for why, count in outcome.refused.most_common():
            console.print(f"{count:,} stay where they are: {why}", style="yellow", markup=False)
        if outcome.kept:
            console.print(f"{outcome.kept:,} were sent, but could not be removed; sending them again does no harm")
    chosen, sent = (sum(getattr(o, name) for _, o in outcomes) for name in ("chosen", "sent"))
    console.print(f"{sent:,} of {chosen:,} sent to the events queue" if sends else f"{chosen:,} chosen, nothing sent")
    if chosen and not sends:
        console.print("--yes sends them")
    if stuck:
        console.print(
            f"{stuck:,} batches of streams were given up, or items not embedded; StreamFailuresQueue says which, and "
            "where in their stream the batches lie"
        )
