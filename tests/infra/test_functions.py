"""Rules that every Lambda function of the template keeps."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from endcap.erasure import inventory
from tests.infra.stack import folder_of, of_type, statements_of

FUNCTIONS = (
    "admin",
    "collect",
    "describe_item",
    "embed_item",
    "fold_counts",
    "load_file",
    "manage_items",
    "manage_users",
    "promote",
    "purge_erased",
    "receive_webhook",
    "recommend",
    "storefront",
    "summarise_results",
    "update_profile",
)
INFERENCE = {"admin", "describe_item", "embed_item", "promote", "recommend", "storefront", "update_profile"}
GATEWAY_TIMEOUT_S = 30

# The only policies that are not ours: logs and traces, which AWS grants on "*".
MANAGED_POLICIES = {"AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess", "AWSXRayDaemonWriteAccess"}

# Resources that end in a wildcard, and why no narrower name exists.
PURGED = tuple(f"/{store.prefix}*" for store in inventory.PURGED if store.prefix)
WILDCARDS: dict[str, str | tuple[str, ...]] = {
    "s3:GetObject": (
        "/snapshots/*",
        "/audit/*",
        "/results/*",
        "/inbox/events/*",
        "/inbox/items/*",
        "/enrichment-new/*",
        *PURGED,
    ),  # named at run time
    "s3:PutObject": (  # named by content or time
        *("/quarantine/*", "/snapshots/*/manifest.sig", "/erasures/*", "/audit/*", "/results/*"),
        "/inbox/reports/*",
        "/enrichment-new/*",
        "/aws/lambda/*",  # by Lambda itself, by mapping and shard
        *PURGED,
    ),
    "s3:GetObjectVersion": (*PURGED, "/inbox/events/*", "/inbox/items/*"),
    "s3:DeleteObject": ("/audit/*", *PURGED),
    "cloudwatch:GetMetricData": "*",  # has no resources
    "s3:DeleteObjectVersion": PURGED,
    "dynamodb:GetRecords": "/stream/*",  # a stream's label is its time of creation
    "dynamodb:DescribeStream": "/stream/*",
    "dynamodb:GetShardIterator": "/stream/*",
    "dynamodb:ListStreams": "/stream/*",
}

# What Lambda itself adds to, or the libraries read from, the environment; all others are settings of ours.
FOREIGN_VARIABLES = ("POWERTOOLS_", "PYDANTIC_", "OPENBLAS_", "LOG_LEVEL", "AWS_ENDPOINT_URL")
# Not every function signs cursors, reads a stream that it may give up something of, or knows visitors.
OF_ONE_FUNCTION = {"CURSOR_SECRET", "STREAM_FAILURES_QUEUE_URL", "INBOX_QUEUE_URL"}
OF_SHOP_SYSTEMS = {"SHOPIFY_SECRET", "WOOCOMMERCE_SECRET", "SHOP_ITEM_IDS", "SHOP_LANGUAGE"}
OF_OPERATORS = {"PROMOTE_FUNCTION", "REBUILD_STATE_MACHINE", "ARCHIVE_BUFFER_SECONDS", "DEPLOYMENT"}
OF_THE_DESCRIBER = {f"ITEM_WRITER{part}" for part in ("", "_MODEL", "_URL", "_SECRET", "_PRICE", "_BUDGET")}
# A deployed one is as patient as its deadlines allow.
OF_THE_LOCAL_STACK = {"READ_PATIENCE_SECONDS", "CALL_PATIENCE_SECONDS"}
OF_PROFILES = {"PROFILE_TAGS"}
OF_THE_DOOR = {"STOREFRONT_SECRETS", "STOREFRONT_ORIGINS", "STOREFRONT_FRONT_KEY"}


@pytest.fixture(scope="session")
def functions(everything: dict[str, Any]) -> dict[str, Any]:
    return {folder_of(name): resource for name, resource in of_type(everything, "AWS::Lambda::Function").items()}


def logical_id(function: str) -> str:
    return "".join(part.title() for part in function.split("_")) + "Function"


def test_template_has_the_functions_of_the_design_and_no_others(functions: dict[str, Any]) -> None:
    assert sorted(functions) == sorted(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_code_lies_in_the_folder_of_the_function_and_defines_its_handler(
    function: str, functions: dict[str, Any], template: Mapping[str, Any], root: Path
) -> None:
    code = template["Resources"][logical_id(function)]["Properties"]["CodeUri"]
    module, name = functions[function]["Handler"].rsplit(".", 1)
    source = root / code / f"{module}.py"
    assert code == f"functions/{function}"
    assert name in {n.name for n in ast.parse(source.read_text()).body if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_go_to_a_group_of_the_template_that_forgets(
    function: str, functions: dict[str, Any], everything: dict[str, Any]
) -> None:
    logging = functions[function]["LoggingConfig"]
    groups = {g["LogGroupName"]: g for g in of_type(everything, "AWS::Logs::LogGroup").values()}
    assert int(groups[logging["LogGroup"]]["RetentionInDays"]) == 30
    assert logging["LogFormat"] == "JSON"


def test_report_lines_are_kept_where_starts_and_memory_are_looked_for(functions: dict[str, Any]) -> None:
    levels = {name: function["LoggingConfig"]["SystemLogLevel"] for name, function in functions.items()}
    # The others load nothing that grows, and are called often.
    assert {name for name, level in levels.items() if level != "INFO"} == {
        "collect",
        "manage_items",
        "manage_users",
        "receive_webhook",
    }


def test_every_log_group_forgets(everything: dict[str, Any]) -> None:
    for name, group in of_type(everything, "AWS::Logs::LogGroup").items():
        assert "RetentionInDays" in group, name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_holds_no_wildcard_beyond_the_named_ones(function: str, everything: dict[str, Any]) -> None:
    for statement in statements_of(logical_id(function), everything):
        for action in statement.actions:
            assert "*" not in action
            for resource in statement.resources:
                if "*" in resource:
                    assert resource.endswith(WILDCARDS.get(action, "no wildcard")), f"{action} on {resource}"
                    assert resource.count("*") == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_has_no_managed_policy_but_logs_and_traces(function: str, everything: dict[str, Any]) -> None:
    managed = everything[f"{logical_id(function)}Role"]["ManagedPolicyArns"]
    assert {arn.rsplit("/", 1)[1] for arn in managed} <= MANAGED_POLICIES


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_functions_that_encode_or_rank_carry_the_inference_layer(function: str, functions: dict[str, Any]) -> None:
    layers = functions[function]["Layers"]
    assert sum("CoreLayer" in layer for layer in layers) == 1
    assert sum("InferenceLayer" in layer for layer in layers) == (function in INFERENCE)
    assert sum("ParquetLayer" in layer for layer in layers) == (function == "purge_erased")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_is_python_3_13_on_the_chosen_cpu(function: str, functions: dict[str, Any]) -> None:
    assert functions[function]["Runtime"] == "python3.13"
    assert functions[function]["Architectures"] == ["x86_64"]


def test_layers_match_the_functions(everything: dict[str, Any]) -> None:
    for layer in of_type(everything, "AWS::Lambda::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == ["python3.13"]
        assert layer["CompatibleArchitectures"] == ["x86_64"]


def test_functions_behind_http_answer_before_the_gateway_gives_up(functions: dict[str, Any]) -> None:
    for function in ("collect", "recommend", "manage_items", "manage_users", "storefront", "receive_webhook"):
        assert int(functions[function]["Timeout"]) < GATEWAY_TIMEOUT_S


def test_only_promote_signs_and_only_what_loads_a_snapshot_verifies(everything: dict[str, Any]) -> None:
    key = everything["PromoteFunction"]["Environment"]["Variables"]["SNAPSHOT_KEY"]
    may = {
        action: {
            name
            for name in FUNCTIONS
            if any(s.allows(action, key) for s in statements_of(logical_id(name), everything))
        }
        for action in ("kms:Sign", "kms:Verify")
    }
    assert may == {"kms:Sign": {"promote"}, "kms:Verify": INFERENCE}
    role = "arn:aws:iam::123456789012:role/endcap-local-PromoteFunctionRole"
    statements = everything["SnapshotKey"]["KeyPolicy"]["Statement"]
    (signing,) = [s for s in statements if "kms:Sign" in s["Action"]]
    assert signing["Condition"] == {"ArnEquals": {"aws:PrincipalArn": role}}  # whatever else IAM grants to anybody
    assert not [s for s in statements if any("*" in action for action in s["Action"])]
    assert (everything["SnapshotKey"]["KeySpec"], everything["SnapshotKey"]["KeyUsage"]) == (
        "ECC_NIST_EDWARDS25519",
        "SIGN_VERIFY",
    )


def test_snapshots_are_written_once_and_pointed_at_by_promote_alone(everything: dict[str, Any]) -> None:
    statements = {s["Sid"]: s for s in everything["DataBucketPolicy"]["PolicyDocument"]["Statement"]}
    once, promote = statements["SnapshotFilesAreWrittenOnce"], statements["OnlyPromoteSignsAndPoints"]
    assert (once["Effect"], once["Principal"], once["Action"]) == ("Deny", "*", "s3:PutObject")
    assert once["Condition"] == {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    pattern, bucket = once["Resource"], "arn:aws:s3:::endcap-local-databucket"
    assert fnmatchcase(f"{bucket}/snapshots/20260101T000000Z-0123456789ab/manifest.json", pattern)
    assert not fnmatchcase(f"{bucket}/snapshots/current.json", pattern)  # which is flipped with If-Match
    role = "arn:aws:iam::123456789012:role/endcap-local-PromoteFunctionRole"
    assert (promote["Effect"], promote["Condition"]) == ("Deny", {"ArnNotEquals": {"aws:PrincipalArn": role}})
    own = ("current.json", "refused.json", "*/manifest.sig")
    assert promote["Resource"] == [f"{bucket}/snapshots/{name}" for name in own]


@pytest.mark.parametrize(("given", "policy"), [({}, "warn"), ({"SnapshotSignature": "require"}, "require")])
def test_stacks_of_before_go_on_until_their_next_promotion(given: dict[str, str], policy: str, resolved: Any) -> None:
    for name, function in of_type(resolved(**given), "AWS::Lambda::Function").items():
        assert function["Environment"]["Variables"]["SNAPSHOT_SIGNATURE"] == policy, name


def test_asynchronous_calls_that_fail_are_kept(everything: dict[str, Any]) -> None:
    configs = of_type(everything, "AWS::Lambda::EventInvokeConfig").values()
    functions = {config["FunctionName"].rsplit("-", 1)[1]: config for config in configs}
    assert set(functions) == {"PromoteFunction", "ReceiveWebhookFunction"}
    for function, config in functions.items():
        destination = config["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination.endswith("InvokeFailuresQueue")
        assert any(s.allows("sqs:SendMessage", destination) for s in statements_of(function, everything))


def test_settings_read_exactly_the_variables_that_the_template_sets(functions: dict[str, Any]) -> None:
    from endcap.settings import Settings

    read = {field.alias for field in Settings.model_fields.values()}
    for function in functions.values():
        variables = function["Environment"]["Variables"]
        settings = Settings.from_env({name: str(value) for name, value in variables.items()})
        assert settings.profile_ttl_days == 365
        ours = {name for name in variables if not name.startswith(FOREIGN_VARIABLES)}
        of_some = OF_ONE_FUNCTION | OF_THE_DOOR | OF_SHOP_SYSTEMS | OF_OPERATORS | OF_THE_DESCRIBER | OF_PROFILES
        assert ours | of_some | OF_THE_LOCAL_STACK == read
        assert not ours & OF_THE_LOCAL_STACK


@pytest.mark.parametrize("on", [False, True])
def test_profiles_read_snapshots_where_items_are_described_and_nowhere_else(
    resolved: Callable[..., dict[str, Any]], *, on: bool
) -> None:
    resources = resolved(RebuildEnrichment=str(on).lower(), SnapshotSignature="warn")
    function = resources["ManageUsersFunction"]
    assert function["Environment"]["Variables"]["PROFILE_TAGS"] == ("on" if on else "off")
    assert any("InferenceLayer" in layer for layer in function["Layers"]) is on
    allowed = {action for statement in statements_of("ManageUsersFunction", resources) for action in statement.actions}
    assert ({"s3:GetObject", "s3:ListBucket", "kms:Verify"} <= allowed) is on


def test_only_what_answers_lists_can_sign_cursors(functions: dict[str, Any]) -> None:
    signing = {name for name, function in functions.items() if "CURSOR_SECRET" in function["Environment"]["Variables"]}
    assert signing == {"admin", "recommend", "storefront"}
    secret = functions["recommend"]["Environment"]["Variables"]["CURSOR_SECRET"]
    assert secret.startswith("arn:aws:cloudformation:")  # unguessable by itself: a stack's id ends in a random part


def test_only_the_storefront_door_can_tell_visitors_apart(functions: dict[str, Any]) -> None:
    knowing = {name for name, function in functions.items() if OF_THE_DOOR & set(function["Environment"]["Variables"])}
    assert knowing == {"storefront"}
    variables = functions["storefront"]["Environment"]["Variables"]
    assert variables["STOREFRONT_SECRETS"].split() == ["of-the-tests-0123456789-0123456789"]
    assert variables["STOREFRONT_ORIGINS"] == "https://shop.example https://m.shop.example"


def test_only_what_takes_webhooks_reads_their_secrets(everything: dict[str, Any]) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shopify-AbCdEf"
    may = {
        name
        for name in FUNCTIONS
        if any(s.allows("secretsmanager:GetSecretValue", arn) for s in statements_of(logical_id(name), everything))
    }
    assert may == {"receive_webhook"}


def test_only_what_describes_items_asks_a_writer_about_them(everything: dict[str, Any], resolved: Any) -> None:
    def may(action: str, arn: str, stack: dict[str, Any]) -> set[str]:
        return {
            name
            for name in FUNCTIONS
            if logical_id(name) in stack and any(s.allows(action, arn) for s in statements_of(logical_id(name), stack))
        }

    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:models-AbCdEf"
    model = "arn:aws:bedrock:us-east-1::foundation-model/small-1"
    assert may("secretsmanager:GetSecretValue", secret, everything) == {"describe_item"}
    assert may("bedrock:InvokeModel", model, everything) == set()
    stack = resolved(ItemWriter="bedrock", ItemWriterModel="small-1", ItemWriterPrice="1,2")
    assert may("bedrock:InvokeModel", model, stack) == {"describe_item"}
    assert may("secretsmanager:GetSecretValue", secret, stack) == set()


def test_without_a_writer_of_items_there_is_nothing_of_it(resolved: Any) -> None:
    plain, writing = resolved(), resolved(ItemWriter="rules")
    own = {name for name in writing if name not in plain}
    assert {name for name in own if name.startswith("Descri")} == own
    assert {"DescribeItemFunction", "DescribedItemsMapping", "DescriptionFailuresQueue"} <= own
    parameters = [stack["Watching"]["Parameters"]["DescribeItemFunction"] for stack in (plain, writing)]
    assert parameters[0] == ""
    assert parameters[1]


@pytest.mark.parametrize(
    ("parameters", "authorisation"),
    [
        ({}, "iam"),
        ({"JwtScopes": "require"}, "iam"),
        ({"AuthMode": "JWT"}, "jwt"),
        ({"AuthMode": "JWT", "JwtScopes": "require"}, "scopes"),
    ],
)
def test_functions_know_how_to_tell_callers_apart(
    parameters: dict[str, str], authorisation: str, resolved: Any
) -> None:
    for name, function in of_type(resolved(**parameters), "AWS::Lambda::Function").items():
        assert function["Environment"]["Variables"]["AUTHORISATION"] == authorisation, name


def test_nothing_is_reserved_by_default_and_anything_can_be(everything: dict[str, Any], resolved: Any) -> None:
    for name in ("RecommendFunction", "StorefrontFunction"):
        assert "ReservedConcurrentExecutions" not in everything[name]  # a new account can reserve none
    stack = resolved(Storefront="on", RecommendConcurrency="200", StorefrontConcurrency="50")
    assert int(stack["RecommendFunction"]["ReservedConcurrentExecutions"]) == 200
    assert int(stack["StorefrontFunction"]["ReservedConcurrentExecutions"]) == 50


def test_what_shoppers_write_stays_out_of_logs_and_traces(functions: dict[str, Any]) -> None:
    for function in functions.values():
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_LOGGER_LOG_EVENT"] == "false"
        assert variables["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false"
        assert variables["POWERTOOLS_TRACER_CAPTURE_ERROR"] == "false"


def test_traces_are_begun_only_where_asked_for(resolved: Any, functions: dict[str, Any]) -> None:
    for name, function in functions.items():
        assert function["TracingConfig"] == {"Mode": "PassThrough"}, name
        assert function["Environment"]["Variables"]["POWERTOOLS_TRACE_DISABLED"] == "true", name
    for name, function in of_type(resolved(Tracing="Active"), "AWS::Lambda::Function").items():
        assert function["TracingConfig"] == {"Mode": "Active"}, name
        assert function["Environment"]["Variables"]["POWERTOOLS_TRACE_DISABLED"] == "false", name


def test_environment_fits_lambda(functions: dict[str, Any]) -> None:
    for name, function in functions.items():
        variables = function["Environment"]["Variables"]
        # Names and values together, 4 KB; physical names on AWS are longer than local ones, so half is the budget.
        assert sum(len(k) + len(str(v)) for k, v in variables.items()) < 2048, name


def test_nothing_is_kept_warm_or_billed_idle_by_default(everything: dict[str, Any]) -> None:
    for alias in of_type(everything, "AWS::Lambda::Alias").values():
        assert "ProvisionedConcurrencyConfig" not in alias
    assert everything["RecommendFunction"]["SnapStart"] == {"ApplyOn": "None"}
    for table in of_type(everything, "AWS::DynamoDB::Table").values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert not [r for r in everything.values() if r["Type"] in ("AWS::Kinesis::Stream", "AWS::EC2::NatGateway")]


def test_warm_copies_and_snapstart_are_a_parameter(resolved: Any) -> None:
    warm = resolved(ProvisionedConcurrency="3")
    alias = warm["RecommendFunctionAliaslive"]
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": "3"}
    assert resolved(SnapStart="on")["RecommendFunction"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}


def test_what_large_catalogues_need_is_a_parameter(resolved: Any, template: Mapping[str, Any]) -> None:
    large = resolved(RecommendTimeout="25", SnapshotStorageMb="10240", RecommendMemory="3008", Storefront="on")
    for name in ("RecommendFunction", "StorefrontFunction"):
        assert (large[name]["Timeout"], large[name]["MemorySize"]) == ("25", "3008")
        assert large[name]["EphemeralStorage"] == {"Size": "10240"}
    assert template["Parameters"]["RecommendTimeout"]["MaxValue"] < GATEWAY_TIMEOUT_S


def test_snapstart_is_taken_only_up_to_what_it_can_hold(template: Mapping[str, Any]) -> None:
    rule = template["Rules"]["SnapStartKeepsNoMore"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "on"]}
    assert [one["Assert"] for one in rule["Assertions"]] == [
        {"Fn::Equals": [{"Ref": name}, str(template["Parameters"][name]["Default"])]}
        for name in ("SnapshotStorageMb", "ProvisionedConcurrency")
    ]
