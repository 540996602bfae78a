"""Whether a resource of a stack exists: its own service is asked, since a physical id proves nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tests.deployment.rehearsal.models import of_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONCE = Config(read_timeout=60, retries={"total_max_attempts": 1})
SCHEMA_ID = "rentomatic-schema"  # what the migration's function answers


@dataclass(frozen=True)
class Question:
    """What a service is asked about a resource.

    Attributes:
        operation: Of boto3's client of the service.
        arguments: `{id}` is the physical id, and `{Name}` the property of that name.
        evidence: A JMESPath that finds the resource in the answer; likewise.
    """

    service: str
    operation: str
    evidence: str
    arguments: Mapping[str, str | list[str]] = field(default_factory=dict)


QUESTIONS: Mapping[str, Question] = {
    "AWS::ApiGateway::Account": Question(
        "apigateway", "get_account", "contains(cloudwatchRoleArn, '{CloudWatchRoleArn}')"
    ),
    "AWS::ApiGateway::ApiKey": Question("apigateway", "get_api_keys", "items[?id=='{id}']"),
    "AWS::ApiGateway::Deployment": Question("apigateway", "get_deployments", "items", {"restApiId": "{RestApiId}"}),
    "AWS::ApiGateway::RestApi": Question(
        *("apigateway", "get_resources", "items[?path=='/{proxy+}']"), {"restApiId": "{id}"}
    ),
    "AWS::ApiGateway::Stage": Question(
        *("apigateway", "get_stage", "deploymentId"), {"restApiId": "{RestApiId}", "stageName": "{id}"}
    ),
    "AWS::ApiGatewayV2::Api": Question("apigatewayv2", "get_api", "ApiEndpoint", {"ApiId": "{id}"}),
    "AWS::ApiGatewayV2::ApiMapping": Question(
        "apigatewayv2", "get_api_mappings", "Items", {"DomainName": "{DomainName}"}
    ),
    "AWS::ApiGatewayV2::DomainName": Question(
        "apigatewayv2", "get_domain_name", "DomainNameConfigurations", {"DomainName": "{id}"}
    ),
    "AWS::ApiGatewayV2::Stage": Question(
        *("apigatewayv2", "get_stage", "StageName"), {"ApiId": "{ApiId}", "StageName": "{StageName}"}
    ),
    "AWS::AppConfig::Application": Question("appconfig", "get_application", "Name", {"ApplicationId": "{id}"}),
    "AWS::AppConfig::ConfigurationProfile": Question(
        *("appconfig", "get_configuration_profile", "Name"),
        {"ApplicationId": "{ApplicationId}", "ConfigurationProfileId": "{id}"},
    ),
    "AWS::AppConfig::HostedConfigurationVersion": Question(
        *("appconfig", "get_hosted_configuration_version", "VersionNumber"),
        {
            "ApplicationId": "{ApplicationId}",
            "ConfigurationProfileId": "{ConfigurationProfileId}",
            "VersionNumber": "{id}",
        },
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Question(
        *("application-autoscaling", "describe_scalable_targets", "ScalableTargets"),
        {"ServiceNamespace": "{ServiceNamespace}", "ResourceIds": ["{ResourceId}"]},
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Question(
        *("application-autoscaling", "describe_scaling_policies", "ScalingPolicies"),
        {"ServiceNamespace": "{ServiceNamespace}", "PolicyNames": ["{PolicyName}"]},
    ),
    "AWS::CloudWatch::Alarm": Question(
        *("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmActions[]"), {"AlarmNames": ["{id}"]}
    ),
    "AWS::CloudWatch::Dashboard": Question("cloudwatch", "get_dashboard", "DashboardBody", {"DashboardName": "{id}"}),
    "AWS::CodeDeploy::Application": Question(
        "codedeploy", "get_application", "application", {"applicationName": "{id}"}
    ),
    "AWS::CodeDeploy::DeploymentGroup": Question(
        *("codedeploy", "get_deployment_group", "deploymentGroupInfo"),
        {"applicationName": "{ApplicationName}", "deploymentGroupName": "{id}"},
    ),
    "AWS::EC2::RouteTable": Question("ec2", "describe_route_tables", "RouteTables", {"RouteTableIds": ["{id}"]}),
    "AWS::EC2::SecurityGroup": Question("ec2", "describe_security_groups", "SecurityGroups", {"GroupIds": ["{id}"]}),
    "AWS::EC2::SecurityGroupEgress": Question(
        *("ec2", "describe_security_groups"),
        "SecurityGroups[].IpPermissionsEgress[].UserIdGroupPairs[?GroupId=='{DestinationSecurityGroupId}'][]",
        {"GroupIds": ["{GroupId}"]},
    ),
    "AWS::EC2::SecurityGroupIngress": Question(
        *("ec2", "describe_security_groups"),
        "SecurityGroups[].IpPermissions[].UserIdGroupPairs[?GroupId=='{SourceSecurityGroupId}'][]",
        {"GroupIds": ["{GroupId}"]},
    ),
    "AWS::EC2::Subnet": Question("ec2", "describe_subnets", "Subnets", {"SubnetIds": ["{id}"]}),
    "AWS::EC2::SubnetRouteTableAssociation": Question(
        *("ec2", "describe_route_tables", "RouteTables[].Associations[?RouteTableAssociationId=='{id}'][]"),
    ),
    "AWS::EC2::VPC": Question("ec2", "describe_vpcs", "Vpcs", {"VpcIds": ["{id}"]}),
    "AWS::EC2::VPCEndpoint": Question("ec2", "describe_vpc_endpoints", "VpcEndpoints", {"VpcEndpointIds": ["{id}"]}),
    "AWS::IAM::ManagedPolicy": Question("iam", "get_policy", "Policy", {"PolicyArn": "{id}"}),
    "AWS::IAM::Policy": Question(
        *("iam", "get_role_policy", "PolicyDocument"), {"RoleName": "{Roles}", "PolicyName": "{PolicyName}"}
    ),
    "AWS::IAM::Role": Question("iam", "get_role", "Role", {"RoleName": "{id}"}),
    "AWS::Lambda::Alias": Question(
        *("lambda", "get_alias", "FunctionVersion"), {"FunctionName": "{FunctionName}", "Name": "{Name}"}
    ),
    "AWS::Lambda::EventInvokeConfig": Question(
        *("lambda", "list_function_event_invoke_configs", "FunctionEventInvokeConfigs[].DestinationConfig"),
        {"FunctionName": "{FunctionName}"},
    ),
    "AWS::Lambda::Function": Question("lambda", "get_function", "Configuration.CodeSha256", {"FunctionName": "{id}"}),
    "AWS::Lambda::LayerVersion": Question(
        *("lambda", "list_layer_versions", "LayerVersions[?LayerVersionArn=='{id}']"), {"LayerName": "{LayerName}"}
    ),
    "AWS::Lambda::Permission": Question(
        *("lambda", "get_policy", "contains(Policy, '{Principal}')"), {"FunctionName": "{FunctionName}"}
    ),
    "AWS::Lambda::Url": Question(
        "lambda", "get_function_url_config", "FunctionUrl", {"FunctionName": "{TargetFunctionArn}"}
    ),
    "AWS::Lambda::Version": Question(
        *("lambda", "list_versions_by_function", "Versions[?ends_with('{id}', join(':', [FunctionName, Version]))]"),
        {"FunctionName": "{FunctionName}"},
    ),
    "AWS::Logs::LogGroup": Question(
        *("logs", "describe_log_groups", "logGroups[?logGroupName=='{id}']"),
        {"logGroupNamePrefix": "{id}"},
    ),
    "AWS::RDS::DBCluster": Question("rds", "describe_db_clusters", "DBClusters", {"DBClusterIdentifier": "{id}"}),
    "AWS::RDS::DBClusterParameterGroup": Question(
        *("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups"),
        {"DBClusterParameterGroupName": "{id}"},
    ),
    "AWS::RDS::DBInstance": Question("rds", "describe_db_instances", "DBInstances", {"DBInstanceIdentifier": "{id}"}),
    "AWS::RDS::DBProxy": Question("rds", "describe_db_proxies", "DBProxies", {"DBProxyName": "{id}"}),
    "AWS::RDS::DBProxyEndpoint": Question(
        *("rds", "describe_db_proxy_endpoints", "DBProxyEndpoints"), {"DBProxyEndpointName": "{DBProxyEndpointName}"}
    ),
    "AWS::RDS::DBProxyTargetGroup": Question(
        *("rds", "describe_db_proxy_targets", "Targets"), {"DBProxyName": "{DBProxyName}"}
    ),
    "AWS::RDS::DBSubnetGroup": Question(
        *("rds", "describe_db_subnet_groups", "DBSubnetGroups"), {"DBSubnetGroupName": "{id}"}
    ),
    "AWS::S3::Bucket": Question("s3", "list_buckets", "Buckets[?Name=='{id}']"),
    "AWS::S3::BucketPolicy": Question("s3", "get_bucket_policy", "Policy", {"Bucket": "{Bucket}"}),
    "AWS::SNS::Subscription": Question(
        *("sns", "list_subscriptions_by_topic", "Subscriptions[?Endpoint=='{Endpoint}']"), {"TopicArn": "{TopicArn}"}
    ),
    "AWS::SNS::Topic": Question("sns", "get_topic_attributes", "Attributes", {"TopicArn": "{id}"}),
    "AWS::SecretsManager::Secret": Question("secretsmanager", "describe_secret", "ARN", {"SecretId": "{id}"}),
    "AWS::SecretsManager::SecretTargetAttachment": Question(
        *("secretsmanager", "get_secret_value", "contains(SecretString, '\"host\"')"), {"SecretId": "{SecretId}"}
    ),
    "AWS::WAFv2::WebACL": Question("wafv2", "list_web_acls", "WebACLs[?contains('{id}', Id)]", {"Scope": "REGIONAL"}),
    "AWS::WAFv2::WebACLAssociation": Question(
        *("wafv2", "get_web_acl_for_resource", "WebACL"), {"ResourceArn": "{ResourceArn}"}
    ),
}


def exists(resource: Mapping[str, Any], physical_id: str, known: Mapping[str, str]) -> bool:
    """Ask a resource's service for it; known is what `Ref` gives of every parameter and resource."""
    if resource["Type"].startswith("Custom::"):
        return physical_id == SCHEMA_ID  # which only the function can have said
    question = QUESTIONS[resource["Type"]]
    values = {name: _text(value, known) for name, value in resource.get("Properties", {}).items()}
    values["id"] = physical_id
    client = _client(question.service, os.environ["AWS_ENDPOINT_URL"])
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[question.operation]).input_shape
    try:
        arguments = of_shape(shape, _filled(question.arguments, values))
        answer = getattr(client, question.operation)(**arguments)
    # A page of HTML, where an emulator lacks the operation; an id that is no number, where it should be.
    except (ClientError, BotoCoreError, ResponseParserError, ValueError):
        return False
    return bool(jmespath.search(_filled(question.evidence, values), answer))


@cache  # a client takes a while to make, and there are dozens of resources of a few services
def _client(service: str, _endpoint: str) -> Any:
    return boto3.client(service, config=_ONCE)  # type: ignore[call-overload] # of any service


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda match: values.get(match[1], ""), value)
    if isinstance(value, list):
        return [_filled(part, values) for part in value]
    return {name: _filled(part, values) for name, part in value.items()}


def _text(value: Any, known: Mapping[str, str]) -> str:
    """Return what a property is, as far as it is a text: of an attribute, the id of what has it."""
    if isinstance(value, list):
        return _text(value[0], known) if value else ""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items() if len(value) == 1 else [("", "")]
    if function == "Fn::GetAtt":
        argument = argument[0] if isinstance(argument, list) else argument.partition(".")[0]
    if function == "Fn::Sub" and isinstance(argument, str):
        return re.sub(r"\${([\w:]+)[\w.]*}", lambda match: known.get(match[1], match[0]), argument)
    return known.get(argument, "") if function in {"Ref", "Fn::GetAtt"} else ""
