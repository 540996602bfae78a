"""Resources that moto's CloudFormation does not know: moto's other services make them, by AWS' own API.

Each call is checked by botocore, so that a property that AWS does not have, or a wrong type, is an error.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import jmespath  # type: ignore[import-untyped]
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import Shape

REGION = "us-east-1"
SCHEMA = "Rehearsal::Schema"  # for Custom::Schema, which moto would run in Docker


@dataclass(frozen=True)
class Api:
    """How a type of resource is made.

    Attributes:
        operation: Of boto3's client of the service.
        reference: What `Ref` gives, a JMESPath of the `request` and the `answer`.
        name: The property that CloudFormation makes up a value for.
        attributes: What `Fn::GetAtt` gives.
        renamed: Properties that the operation calls otherwise, or does not take.
        added: What else moto needs.
        update: The operation that changes it, if any.
        is_replaced: Whether it is replaced instead.
    """

    service: str
    operation: str
    reference: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str | None] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    update: str = ""
    is_replaced: bool = False


APIS: Mapping[str, Api] = {
    "AWS::ApiGateway::ApiKey": Api("apigateway", "create_api_key", "answer.id"),
    "AWS::ApiGateway::Stage": Api(
        *("apigateway", "create_stage", "request.stageName"),
        renamed={"AccessLogSetting": None, "MethodSettings": None},
    ),
    "AWS::ApiGatewayV2::DomainName": Api(
        *("apigatewayv2", "create_domain_name", "request.DomainName"),
        attributes={"RegionalDomainName": "answer.DomainNameConfigurations[0].ApiGatewayDomainName"},
    ),
    "AWS::ApiGatewayV2::Stage": Api("apigatewayv2", "create_stage", "request.StageName"),
    "AWS::AppConfig::Application": Api("appconfig", "create_application", "answer.Id"),
    "AWS::AppConfig::ConfigurationProfile": Api("appconfig", "create_configuration_profile", "answer.Id"),
    "AWS::AppConfig::HostedConfigurationVersion": Api(
        *("appconfig", "create_hosted_configuration_version", "to_string(answer.VersionNumber)"),
        attributes={"VersionNumber": "to_string(answer.VersionNumber)"},
        is_replaced=True,
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Api(
        *("application-autoscaling", "register_scalable_target"),
        "join('|', [request.ResourceId, request.ScalableDimension, request.ServiceNamespace])",
        renamed={"Tags": None},  # a map there
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Api(
        "application-autoscaling", "put_scaling_policy", "answer.PolicyARN"
    ),
    "AWS::CloudWatch::Alarm": Api("cloudwatch", "put_metric_alarm", "request.AlarmName", "AlarmName"),
    "AWS::CodeDeploy::Application": Api(
        "codedeploy", "create_application", "request.applicationName", "ApplicationName"
    ),
    "AWS::CodeDeploy::DeploymentGroup": Api(
        "codedeploy", "create_deployment_group", "request.deploymentGroupName", "DeploymentGroupName"
    ),
    "AWS::Lambda::Alias": Api("lambda", "create_alias", "answer.AliasArn", update="update_alias"),
    "AWS::Lambda::EventInvokeConfig": Api("lambda", "put_function_event_invoke_config", "answer.FunctionArn"),
    "AWS::Lambda::LayerVersion": Api(  # nor is there a reference to moto's own
        "lambda", "publish_layer_version", "answer.LayerVersionArn"
    ),
    "AWS::Lambda::Version": Api(  # moto's own has no attributes
        *("lambda", "publish_version", "answer.FunctionArn"),
        attributes={"Version": "answer.Version"},
        is_replaced=True,
    ),
    "AWS::RDS::DBCluster": Api(
        *("rds", "create_db_cluster", "request.DBClusterIdentifier"),
        attributes={
            "DBClusterResourceId": "answer.DBCluster.DbClusterResourceId",
            "Endpoint.Address": "answer.DBCluster.Endpoint",
            "Endpoint.Port": "answer.DBCluster.Port",
            "ReadEndpoint.Address": "answer.DBCluster.ReaderEndpoint",
            "MasterUserSecret.SecretArn": "answer.DBCluster.MasterUserSecret.SecretArn",
        },
    ),
    "AWS::RDS::DBClusterParameterGroup": Api(
        *("rds", "create_db_cluster_parameter_group", "request.DBClusterParameterGroupName"),
        name="DBClusterParameterGroupName",
        renamed={"Family": "DBParameterGroupFamily", "Parameters": None},
    ),
    "AWS::RDS::DBInstance": Api(  # moto's own wants the version, which is the cluster's
        *("rds", "create_db_instance", "request.DBInstanceIdentifier", "DBInstanceIdentifier"),
        added={"EngineVersion": "17.9"},
    ),
    "AWS::RDS::DBProxy": Api(
        *("rds", "create_db_proxy", "request.DBProxyName"), attributes={"Endpoint": "answer.DBProxy.Endpoint"}
    ),
    "AWS::RDS::DBProxyTargetGroup": Api(
        *("rds", "register_db_proxy_targets", "request.TargetGroupName"),
        renamed={"ConnectionPoolConfigurationInfo": None},
    ),
    "AWS::S3::BucketPolicy": Api("s3", "put_bucket_policy", "request.Bucket", renamed={"PolicyDocument": "Policy"}),
    "AWS::SNS::Subscription": Api("sns", "subscribe", "answer.SubscriptionArn"),
    "AWS::WAFv2::WebACL": Api(
        *("wafv2", "create_web_acl", "answer.Summary.Id", "Name"), attributes={"Arn": "answer.Summary.ARN"}
    ),
    "AWS::WAFv2::WebACLAssociation": Api("wafv2", "associate_web_acl", "request.ResourceArn"),
}


class _Made:
    """A resource that an API has made, as moto's CloudFormation wants it.

    Args:
        attributes: What `Fn::GetAtt` gives.
    """

    def __init__(self, reference: str, attributes: Mapping[str, Any] | None = None) -> None:
        self.physical_resource_id = reference
        self.attributes = attributes or {}

    def get_cfn_attribute(self, name: str) -> Any:
        return self.attributes[name]

    def is_created(self) -> bool:
        return True

    def delete(self, *_where: str) -> None:
        """Leave it: the rehearsal's AWS goes as a whole."""


def register(on_schema: Callable[[str, Mapping[str, Any]], None] = lambda _type, _properties: None) -> None:
    """Teach moto's CloudFormation all of these.

    Args:
        on_schema: Is told the type of request, and the properties, when the custom resource is made or changed.
    """
    for kind, api in APIS.items():
        _register(kind, lambda name, properties, api=api: _call(api, api.operation, name, properties), api)
    _register("AWS::ApiGateway::Account", _set_account)
    _register("AWS::RDS::DBProxyEndpoint", _name_proxy_endpoint)
    _register("AWS::ApiGatewayV2::Api", _make_http_api)
    _register("AWS::ApiGatewayV2::ApiMapping", _map_domain)
    _register("AWS::Lambda::Url", _make_function_url)
    _register("AWS::SecretsManager::Secret", _make_secret)
    _register("AWS::SecretsManager::SecretTargetAttachment", _attach_secret)

    def make_schema(_name: str, properties: Mapping[str, Any], request_type: str = "Create") -> _Made:
        on_schema(request_type, properties)
        return _Made("rehearsal-schema")

    _register(SCHEMA, make_schema)
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_model_map()  # keeps them: nothing else does


def _register(kind: str, make: Callable[..., Any], api: Api | None = None) -> None:
    def create(_cls: Any, /, resource_name: str, cloudformation_json: Any, *_where: str, **_facts: str) -> _Made:
        made: _Made = make(resource_name, cloudformation_json["Properties"])
        made.__class__ = model
        return made

    def update(
        _cls: Any, /, original_resource: _Made, new_resource_name: str, cloudformation_json: Any, **_where: str
    ) -> _Made:
        properties = cloudformation_json["Properties"]
        if kind == SCHEMA:
            make(new_resource_name, properties, "Update")
        elif kind == "AWS::ApiGateway::Stage":
            _deploy_stage(properties)
        elif api and api.is_replaced:
            return create(_cls, new_resource_name, cloudformation_json)
        elif api and api.update:
            _call(api, api.update, new_resource_name, properties)
        return original_resource

    model = type(
        kind.replace("::", ""),
        (_Made, CloudFormationModel),
        {
            "cloudformation_name_type": staticmethod(lambda: ""),
            "cloudformation_type": staticmethod(lambda: kind),
            "create_from_cloudformation_json": classmethod(create),
            "update_from_cloudformation_json": classmethod(update),
        },
    )


def _call(api: Api, operation: str, name: str, properties: Mapping[str, Any]) -> _Made:
    client: Any = boto3.client(api.service, region_name=REGION)  # type: ignore[call-overload] # of any service
    wanted = {**({api.name: name} if api.name else {}), **api.added, **properties}
    renamed = {api.renamed.get(key, key): value for key, value in wanted.items()}
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    request = of_shape(shape, {key: value for key, value in renamed.items() if key})
    answer = getattr(client, operation)(**request)
    facts = {"request": request, "answer": answer}
    return _Made(
        jmespath.search(api.reference, facts),
        {name: jmespath.search(path, facts) for name, path in api.attributes.items()},
    )


def of_shape(shape: Shape, value: Any) -> Any:
    """Return a value of CloudFormation, whose numbers may be texts and whose names are in capitals, as botocore's."""
    kind = shape.type_name
    if kind == "structure":
        names = {name.lower(): name for name in shape.members}  # type: ignore[attr-defined] # of a structure
        return {
            names.get(key.lower(), key): of_shape(shape.members[names[key.lower()]], part)  # type: ignore[attr-defined]
            for key, part in value.items()
        }
    if kind == "list":
        return [of_shape(shape.member, part) for part in value]  # type: ignore[attr-defined] # of a list
    if kind == "string" and not isinstance(value, str):
        return _name_of(value) or json.dumps(value)
    convert: dict[str, Callable[[str], Any]] = {
        "blob": str.encode,
        "integer": int,
        "long": int,
        "float": float,
        "double": float,
        "boolean": lambda text: text == "true",
    }
    return convert[kind](value) if kind in convert and isinstance(value, str) else value


def _name_of(resource: Any) -> str | None:
    """Return the name of one of those resources to which moto refers by the resource itself."""
    return next((getattr(resource, name) for name in ("id", "name") if hasattr(resource, name)), None)


def _set_account(name: str, properties: Mapping[str, Any]) -> _Made:
    operation: Any = {"op": "replace", "path": "/cloudwatchRoleArn", "value": properties["CloudWatchRoleArn"]}
    boto3.client("apigateway", region_name=REGION).update_account(patchOperations=[operation])
    return _Made(name)


def _make_http_api(_name: str, properties: Mapping[str, Any]) -> _Made:
    client = boto3.client("apigatewayv2", region_name=REGION)
    body = properties["Body"]
    api = client.create_api(Name=body["info"]["title"], ProtocolType="HTTP")["ApiId"]
    for path, methods in body["paths"].items():
        for method in methods.values():
            its = method["x-amazon-apigateway-integration"]
            integration = client.create_integration(
                ApiId=api,
                IntegrationType=its["type"].upper(),
                IntegrationMethod=its["httpMethod"],
                IntegrationUri=its["uri"],
                PayloadFormatVersion=its["payloadFormatVersion"],
            )["IntegrationId"]
            client.create_route(ApiId=api, RouteKey=path, Target=f"integrations/{integration}")
    return _Made(api)


def _map_domain(name: str, properties: Mapping[str, Any]) -> _Made:
    """Map a domain to an HTTP API: moto knows no mappings of this kind for REST APIs."""
    client = boto3.client("apigatewayv2", region_name=REGION)
    if any(api["ApiId"] == properties["ApiId"] for api in client.get_apis()["Items"]):
        request = {"ApiMappingKey": "", **properties}
        return _Made(client.create_api_mapping(**request)["ApiMappingId"])
    return _Made(name)


def _make_function_url(_name: str, properties: Mapping[str, Any]) -> _Made:
    """Make it for the function: moto knows none of an alias."""
    function, _, alias = properties["TargetFunctionArn"].rpartition(":")
    client = boto3.client("lambda", region_name=REGION)
    made = client.create_function_url_config(FunctionName=function, Qualifier=alias, AuthType=properties["AuthType"])
    return _Made(made["FunctionArn"], {"FunctionUrl": made["FunctionUrl"]})


def _deploy_stage(properties: Mapping[str, Any]) -> None:
    rest_api, deployment = (_name_of(properties[name]) or properties[name] for name in ("RestApiId", "DeploymentId"))
    operation: Any = {"op": "replace", "path": "/deploymentId", "value": deployment}
    client = boto3.client("apigateway", region_name=REGION)
    client.update_stage(restApiId=rest_api, stageName=properties["StageName"], patchOperations=[operation])


def _name_proxy_endpoint(_name: str, properties: Mapping[str, Any]) -> _Made:
    """Give it a host's name only: moto has no operation that makes one."""
    name = properties["DBProxyEndpointName"]
    return _Made(name, {"Endpoint": f"{name}.endpoint.proxy.{REGION}.rds.amazonaws.com"})


def _make_secret(name: str, properties: Mapping[str, Any]) -> _Made:
    generated = properties["GenerateSecretString"]
    secret = {
        **json.loads(generated["SecretStringTemplate"]),
        generated["GenerateStringKey"]: secrets.token_hex(int(generated["PasswordLength"]) // 2),
    }
    client = boto3.client("secretsmanager", region_name=REGION)
    return _Made(client.create_secret(Name=name, SecretString=json.dumps(secret))["ARN"])


def _attach_secret(_name: str, properties: Mapping[str, Any]) -> _Made:
    client = boto3.client("secretsmanager", region_name=REGION)
    secret = json.loads(client.get_secret_value(SecretId=properties["SecretId"])["SecretString"])
    (cluster,) = boto3.client("rds", region_name=REGION).describe_db_clusters(
        DBClusterIdentifier=properties["TargetId"]
    )["DBClusters"]
    where = {"host": cluster["Endpoint"], "port": cluster["Port"], "dbname": cluster["DatabaseName"]}
    client.put_secret_value(SecretId=properties["SecretId"], SecretString=json.dumps({**secret, **where}))
    return _Made(properties["SecretId"])
