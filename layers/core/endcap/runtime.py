"""What one execution environment builds once and keeps: adapters, the snapshot and its encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcap.aws.clients import (
    BACKGROUND,
    BATCH,
    BEST_EFFORT,
    LOADING,
    REQUEST_PATH,
    SENDING,
    Clients,
    client,
    ending_with,
)
from endcap.batch import Deadline
from endcap.errors import EncoderError, FieldError, InvalidInputError
from endcap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from endcap.api.guard import Guard
    from endcap.api.scenarios import Scenarios
    from endcap.aws.audit import AuditLog
    from endcap.aws.counters import CounterTable, FoldedCounts
    from endcap.aws.documents import EditedDocument
    from endcap.aws.erasures import ErasureTable
    from endcap.aws.inbox import Inbox
    from endcap.aws.items import ItemTable
    from endcap.aws.keys import SigningKey
    from endcap.aws.known_items import KnownItems
    from endcap.aws.meters import Meters
    from endcap.aws.products import ProductTable
    from endcap.aws.profiles import ProfileTable
    from endcap.aws.queues import EventQueue, FailureQueue, Quarantine, RecordStream, Redelivery
    from endcap.aws.replay import Queue as ReplayQueue
    from endcap.aws.results import ResultStore
    from endcap.aws.secrets import PseudonymSecret
    from endcap.aws.snapshots import SnapshotBucket
    from endcap.aws.strays import QuarantineFolder
    from endcap.aws.tail import Tail
    from endcap.aws.webhook_secrets import WebhookSecret
    from endcap.aws.work import Promotions, Rebuilds
    from endcap.erasure.purge import Place
    from endcap.experiments.assignment import Experiment
    from endcap.live.catalogue import LiveCatalogue
    from endcap.live.challenger import Challenger
    from endcap.live.counts import LiveCounts
    from endcap.live.document import Configured
    from endcap.live.ladder import Ladder
    from endcap.live.popular import Popular
    from endcap.live.pseudonyms import Pseudonyms
    from endcap.live.snapshot import Followed, LoadedEncoder
    from endcap.live.waiting import Guarded, Waiting
    from endcap.profiles.ingest import Archive
    from endcap.signing import Trust
    from endcap.snapshot.snapshot import Snapshot
    from endcap.storefront.door import Door
    from endcap.text.terms import Synonyms


class Runtime:
    """The adapters of one function, each loaded and built when first asked for: no function pays for another's.

    Parameters
    ----------
    background : only a queue waits for the function, no shopper
    patient : a back end waits, which would rather have its write taken than be told at once that it was not
    recording : its lists are shown to shoppers, and recorded; those of a preview are not
    clients : makes the AWS client of a service, with its limits of time
    waiting : of the requests that are served, as `Runtime.waiting`

    Attributes
    ----------
    deadline : of the invocation that is running, which no client's call outlives
    """

    def __init__(
        self,
        *,
        background: bool = False,
        patient: bool = False,
        recording: bool = True,
        clients: Clients = client,
        waiting: Waiting | None = None,
    ) -> None:
        self._background, self._patient, self._recording = background, patient, recording
        self._waiting, self.deadline = waiting, Deadline()
        self._clients: Clients = lambda service, config: ending_with(clients(service, config), self.deadline)
        self._config = BATCH if background else SENDING if patient else REQUEST_PATH

    def with_clients(self, clients: Clients, waiting: Waiting | None = None) -> Runtime:
        """A runtime like this one, with nothing built yet, on other clients."""
        return Runtime(
            background=self._background,
            patient=self._patient,
            recording=self._recording,
            clients=clients,
            waiting=waiting,
        )

    @cached_property
    def waiting(self) -> Waiting:
        """The deadline of the request that is served; everything that requests read keeps to it."""
        from endcap.live.waiting import Waiting

        return self._waiting or Waiting()

    def begin_request(self) -> None:
        """Begin the time of a request for lists, once everything is built that they are made through."""
        _ = self.ladder, self.profiles, self.profile_reads, self.exposures, self.exposure_writes
        _ = self.live_counts, self.scenarios, self.experiments, self.synonyms
        _ = self.challenger, self.challenger_catalogue
        pseudonyms = self.pseudonyms
        self.waiting.begin()
        if pseudonyms is not None:
            pseudonyms.begin()

    @cached_property
    def settings(self) -> Settings:
        """Read from the process environment."""
        return Settings.from_env(os.environ)

    @cached_property
    def guard(self) -> Guard:
        """Who is answered."""
        from endcap.api.guard import Guard
        from endcap.api.limits import ClientLimits
        from endcap.observability import logger

        authorisation = self.settings.authorisation
        if authorisation == "jwt":
            logger.warning("tokens count whatever their scopes: any may read and erase everyone; set JwtScopes=require")
        return Guard(authorisation, ClientLimits(self.settings.client_rates))

    @cached_property
    def door(self) -> Door:
        """What requests of browsers must pass."""
        from endcap.storefront.door import Door
        from endcap.storefront.origins import Origins

        settings = self.settings
        origins = Origins(frozenset(settings.storefront_origins))
        return Door(settings.storefront_secrets, origins, self.guard.limits, settings.storefront_front_key)

    @cached_property
    def _people(self) -> Any:
        """The client of the tables that tell of people."""
        return self._clients("dynamodb", self._config)

    @cached_property
    def profiles(self) -> ProfileTable:
        """The profiles table."""
        from endcap.aws.profiles import ProfileTable

        settings = self.settings
        return ProfileTable(
            self._people,
            settings.profiles_table,
            settings.profile_ttl_days,
            adopt_days=settings.anonymous_migration_days,
        )

    @cached_property
    def erasures(self) -> ErasureTable:
        """The ledger of erasures, and its copy in the bucket."""
        from endcap.aws.erasures import ErasureTable, LedgerCopy

        def copy() -> LedgerCopy:  # once somebody is erased: most starts need no client of S3 for it
            return LedgerCopy(self._clients("s3", self._config), self.settings.data_bucket)

        keys = self.pseudonym_secret.read if self.settings.pseudonym_secret else None
        return ErasureTable(self._people, self.settings.erasures_table, copy, pseudonym_keys=keys)

    @cached_property
    def purged_places(self) -> list[Place]:
        """The stores that a purge goes through."""
        from endcap.aws.purging import places

        s3 = self._clients("s3", BACKGROUND)
        return places(s3, self.settings.data_bucket, self.profiles, self.erasures)

    @cached_property
    def items(self) -> ItemTable:
        """The items table."""
        from endcap.aws.items import ItemTable

        return ItemTable(self._clients("dynamodb", self._config), self.settings.items_table)

    @cached_property
    def products(self) -> ProductTable:
        """Which items the products of shop systems have."""
        from endcap.aws.products import ProductTable

        return ProductTable(self._clients("dynamodb", self._config), self.settings.items_table)

    @cached_property
    def webhook_secrets(self) -> Mapping[str, WebhookSecret]:
        """Shop system -> what its webhooks are signed with; of those that have something."""
        from endcap.aws.webhook_secrets import WebhookSecret

        settings = self.settings
        arns = {"shopify": settings.shopify_secret, "woocommerce": settings.woocommerce_secret}
        client = partial(self._clients, "secretsmanager", SENDING)
        return {system: WebhookSecret(client, arn) for system, arn in arns.items() if arn}

    @cached_property
    def known_items(self) -> KnownItems:
        """Which items there are, for a hint: its client is made when it is first asked."""
        from endcap.aws.known_items import KnownItems

        return KnownItems(lambda: self._clients("dynamodb", BEST_EFFORT), self.settings.items_table)

    @cached_property
    def counters(self) -> CounterTable:
        """The notes of what is counted; approximate, so that nothing waits long for them."""
        from endcap.aws.counters import CounterTable

        return CounterTable(self._clients("dynamodb", REQUEST_PATH), self.settings.counters_table)

    @cached_property
    def folded_counts(self) -> FoldedCounts:
        """The live counts as requests read them."""
        from endcap.aws.counters import FoldedCounts

        return FoldedCounts(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def queue(self) -> EventQueue:
        """The queue of events."""
        from endcap.aws.queues import EventQueue

        config = BATCH if self._background else SENDING
        return EventQueue(self._clients("sqs", config), self.settings.events_queue_url)

    @cached_property
    def inbox(self) -> Inbox:
        """The files that a shop puts into the bucket.

        Raises
        ------
        SettingsError : the function is not told where it hears of them
        """
        from endcap.aws.inbox import Inbox

        settings = self.settings
        if not settings.inbox_queue_url:
            raise SettingsError("environment variable INBOX_QUEUE_URL is not set")
        s3, sqs = self._clients("s3", BACKGROUND), self._clients("sqs", self._config)
        return Inbox(s3, settings.data_bucket, sqs, settings.inbox_queue_url)

    @cached_property
    def archive(self) -> Archive:
        """The archive of events; it is told no ids where the stack has pseudonyms."""
        from endcap.aws.queues import RecordStream

        stream = RecordStream(self._clients("firehose", self._config), self.settings.archive_stream)
        if not self.settings.tells_pseudonyms:
            return stream
        from endcap.pseudonyms import PseudonymousStream

        return PseudonymousStream(stream, self.pseudonym_secret.get)

    @cached_property
    def exposures(self) -> RecordStream:
        """The records of what was shown, written while a shopper waits: one short try."""
        from endcap.aws.queues import RecordStream

        return RecordStream(self._clients("firehose", BEST_EFFORT), self.settings.exposures_stream)

    @cached_property
    def pseudonym_secret(self) -> PseudonymSecret:
        """The keys of pseudonyms, as a call gets them.

        Raises
        ------
        SettingsError : the stack has none
        """
        from endcap.aws.secrets import PseudonymSecret

        if not self.settings.pseudonym_secret:
            raise SettingsError("environment variable PSEUDONYM_SECRET is not set")
        secretsmanager = self._clients("secretsmanager", self._config)
        return PseudonymSecret(secretsmanager, self.settings.pseudonym_secret)

    @cached_property
    def pseudonyms(self) -> Pseudonyms | None:
        """The keys of pseudonyms, read beside the requests; None where exposures carry plain ids or are not written."""
        from endcap.live.pseudonyms import Pseudonyms

        if not (self._recording and self.settings.tells_pseudonyms):
            return None
        return Pseudonyms(self.pseudonym_secret.read, self.waiting.clock, self.waiting)

    @cached_property
    def redelivery(self) -> Redelivery:
        """When messages that failed come again."""
        from endcap.aws.queues import Redelivery

        return Redelivery(self._clients("sqs", self._config), self.settings.events_queue_url)

    @cached_property
    def stream_failures(self) -> FailureQueue:
        """What of a stream was given up.

        Raises
        ------
        SettingsError : the function is not told where
        """
        from endcap.aws.queues import FailureQueue

        if not self.settings.stream_failures_queue_url:
            raise SettingsError("environment variable STREAM_FAILURES_QUEUE_URL is not set")
        return FailureQueue(self._clients("sqs", self._config), self.settings.stream_failures_queue_url)

    @cached_property
    def profile_reads(self) -> Guarded:
        """The way to profiles while a shopper waits."""
        from endcap.live.waiting import Guarded

        return Guarded("profiles", self.waiting)

    @cached_property
    def exposure_writes(self) -> Guarded:
        """The way to the exposure stream while a shopper waits."""
        from endcap.live.waiting import Guarded

        return Guarded("exposures", self.waiting)

    @cached_property
    def quarantine(self) -> Quarantine:
        """The records that could not be used."""
        from endcap.aws.queues import Quarantine

        return Quarantine(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def snapshots(self) -> SnapshotBucket:
        """The snapshots in S3."""
        from endcap.aws.snapshots import SnapshotBucket

        folder = os.environ.get("SNAPSHOT_CACHE")
        config = BATCH if self._background else LOADING
        return SnapshotBucket(self._clients("s3", config), self.settings.data_bucket, Path(folder) if folder else None)

    @cached_property
    def signing_key(self) -> SigningKey | None:
        """What snapshots are signed with; None where nobody signs."""
        from endcap.aws.keys import SigningKey

        if not self.settings.snapshot_key:
            return None
        return SigningKey(self._clients("kms", BATCH if self._background else LOADING), self.settings.snapshot_key)

    @cached_property
    def trust(self) -> Trust:
        """Which snapshots are loaded.

        Raises
        ------
        SettingsError : signatures are required, and the function does not know of what
        """
        from endcap.signing import Trust

        required = self.settings.snapshot_signature == "require"
        if required and self.signing_key is None:
            raise SettingsError("environment variable SNAPSHOT_KEY is not set")
        return Trust(self.signing_key, required=required)

    @cached_property
    def snapshot(self) -> Followed[Snapshot]:
        """The snapshot to rank with, verified and mapped into memory; loaded beside the requests."""
        from endcap.live.snapshot import Followed, read_snapshot
        from endcap.ranking.terms.similarity import user_encoder_of

        def read(folder: Path) -> Snapshot:
            snapshot = read_snapshot(folder)
            user_encoder_of(snapshot)  # one that can't be opened is no reason to give up the snapshot before
            return snapshot

        return Followed(self.snapshots, read, clock=self.waiting.clock, waiting=self.waiting, trust=self.trust)

    @cached_property
    def encoder(self) -> Followed[LoadedEncoder | None]:
        """The text encoder of the current snapshot, without the rest of it; None where it carries none."""
        from endcap.encoders.text import ENCODER_FILES
        from endcap.live.snapshot import Followed, read_encoder

        return Followed(self.snapshots, read_encoder, ENCODER_FILES, trust=self.trust)

    @cached_property
    def live_catalogue(self) -> LiveCatalogue:
        """The items that changed since the snapshot."""
        from endcap.live.catalogue import LiveCatalogue

        return LiveCatalogue(self.items, self.waiting.clock, self.waiting)

    @cached_property
    def popular(self) -> Popular:
        """What can be shown while no snapshot can be read."""
        from endcap.live.popular import Popular

        return Popular(self.items, self.waiting)

    @cached_property
    def ladder(self) -> Ladder:
        """What lists are made from."""
        from endcap.live.ladder import Ladder

        return Ladder(self.snapshot, self.live_catalogue, self.popular, self.waiting)

    @cached_property
    def live_counts(self) -> LiveCounts:
        """What is in demand right now."""
        from endcap.live.counts import LIVE_COUNTS_S, LiveCounts

        poll_s = max(LIVE_COUNTS_S, self.settings.live_counts_seconds)
        return LiveCounts(self.folded_counts, self.waiting.clock, self.waiting, poll_s)

    @cached_property
    def scenarios(self) -> Scenarios:
        """The named defaults of requests."""
        from endcap.api.scenarios import KEY, Scenarios
        from endcap.aws.documents import S3Document

        document = S3Document(self._clients("s3", self._config), self.settings.data_bucket, KEY)
        return Scenarios(document, self.waiting.clock, self.waiting)

    @cached_property
    def experiments(self) -> Configured[tuple[Experiment, ...]]:
        """The experiments that are configured."""
        from endcap.aws.documents import S3Document
        from endcap.experiments.config import KEY, POLL_S, read_experiments
        from endcap.live.document import Configured

        document = S3Document(self._clients("s3", self._config), self.settings.data_bucket, KEY)
        waiting = self.waiting
        return Configured(document, "experiments", read_experiments, (), POLL_S, waiting.clock, waiting)

    @cached_property
    def synonyms(self) -> Configured[Synonyms]:
        """What else may stand for the words of a search."""
        from endcap.api.synonyms import KEY, POLL_S, read_synonyms
        from endcap.aws.documents import S3Document
        from endcap.live.document import Configured
        from endcap.text.terms import Synonyms

        document = S3Document(self._clients("s3", self._config), self.settings.data_bucket, KEY)
        waiting = self.waiting
        return Configured(document, "synonyms", read_synonyms, Synonyms(()), POLL_S, waiting.clock, waiting)

    @cached_property
    def scenarios_document(self) -> EditedDocument:
        """The scenarios, to be changed."""
        from endcap.api.scenarios import KEY
        from endcap.aws.documents import EditedDocument

        return EditedDocument(self._clients("s3", self._config), self.settings.data_bucket, KEY)

    @cached_property
    def experiments_document(self) -> EditedDocument:
        """The experiments, to be changed."""
        from endcap.aws.documents import EditedDocument
        from endcap.experiments.config import KEY

        return EditedDocument(self._clients("s3", self._config), self.settings.data_bucket, KEY)

    @cached_property
    def audit(self) -> AuditLog:
        """What operators have changed."""
        from endcap.aws.audit import AuditLog

        return AuditLog(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def tail(self) -> Tail:
        """What has come in lately."""
        from endcap.aws.tail import Tail

        return Tail(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def meters(self) -> Meters:
        """What the functions have counted."""
        from endcap.aws.meters import Meters

        namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "endcap")
        return Meters(self._clients("cloudwatch", self._config), namespace)

    @cached_property
    def promotions(self) -> Promotions:
        """The function that promotes."""
        from endcap.aws.work import Promotions

        return Promotions(self._clients("lambda", self._config), self.settings.promote_function)

    @cached_property
    def rebuilds(self) -> Rebuilds:
        """What rebuilds."""
        from endcap.aws.work import Rebuilds

        return Rebuilds(self._clients("stepfunctions", self._config), self.settings.rebuild_state_machine)

    @cached_property
    def results(self) -> ResultStore:
        """What lists have brought."""
        from endcap.aws.results import ResultStore

        return ResultStore(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def strays(self) -> QuarantineFolder:
        """What could not be used, to be looked at."""
        from endcap.aws.strays import QuarantineFolder

        return QuarantineFolder(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def replays(self) -> ReplayQueue:
        """The events queue, as strays are sent to it."""
        from endcap.aws.replay import Queue

        return Queue(self._clients("sqs", self._config), self.settings.events_queue_url)

    @cached_property
    def challenger(self) -> Challenger:
        """The snapshot beside the current one that an experiment may rank with."""
        from endcap.live.challenger import Challenger

        return Challenger(self.snapshots.apart("challenger"), self.waiting.clock, self.waiting, self.trust)

    @cached_property
    def challenger_catalogue(self) -> LiveCatalogue:
        """The items that changed since the challenger."""
        from endcap.live.catalogue import LiveCatalogue

        return LiveCatalogue(self.items, self.waiting.clock, self.waiting)

    @cached_property
    def cursor_secret(self) -> str:
        """What cursors are signed with.

        Raises
        ------
        SettingsError : the function has none
        """
        if not self.settings.cursor_secret:
            raise SettingsError("environment variable CURSOR_SECRET is not set")
        return self.settings.cursor_secret

    def encode_text(self, text: str) -> tuple[bytes, bytes]:
        """Tag and int8 vector of `text`, as profiles keep it; no vector while there is no snapshot.

        Raises
        ------
        InvalidInputError : the encoder can't read this text
        SnapshotError, EncoderError, DependencyError, ThrottledError : see `Followed.get`
        """
        from endcap.encoders.quantize import quantize_unit

        loaded = self.encoder.get()
        if loaded is None:
            return b"\0" * 4, b""
        try:
            vector = loaded.encoder.encode(text)
        except EncoderError as exc:  # it was loaded and is sound, so this is about the text, now and later
            raise InvalidInputError([FieldError(field="text", message="can't be encoded")]) from exc
        return loaded.encoder.tag, quantize_unit(vector).tobytes()
