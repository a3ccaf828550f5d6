"""Ansible module: the flow log of a VPC, delivered to a CloudWatch log group. ``amazon.aws`` has none for it."""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import ensure_ec2_tags
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications

DOCUMENTATION = r"""
---
module: ec2_flow_log
short_description: Log every connection of a VPC
description:
  - Makes sure that all traffic of a VPC, accepted or rejected, is logged to a CloudWatch log group.
  - AWS changes no flow log once made; the tags are kept up to date.
options:
  vpc_id:
    description: The VPC.
    type: str
    required: true
  log_group_name:
    description: The log group, which exists.
    type: str
    required: true
  role_arn:
    description: The role as which AWS writes to the log group.
    type: str
    required: true
  tags:
    description: The flow log's tags; others are removed.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""
# A new role is not known everywhere at once: AWS then answers that it may not be assumed.
RETRIED = ["InvalidParameter", "InvalidParameterValue"]


def find_flow_log(client: Any, vpc_id: str, log_group_name: str) -> dict[str, Any] | None:
    filters = [
        {"Name": "resource-id", "Values": [vpc_id]},
        {"Name": "log-group-name", "Values": [log_group_name]},
        {"Name": "traffic-type", "Values": ["ALL"]},
    ]
    return next(iter(client.describe_flow_logs(Filters=filters)["FlowLogs"]), None)


def create_flow_log(client: Any, parameters: dict[str, Any]) -> str:
    answer = client.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[parameters["vpc_id"]],
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=parameters["log_group_name"],
        DeliverLogsPermissionArn=parameters["role_arn"],
        MaxAggregationInterval=60,
        TagSpecifications=boto3_tag_specifications(parameters["tags"], ["vpc-flow-log"]) or [],
    )
    if refused := answer.get("Unsuccessful"):
        raise ValueError(f"AWS made no flow log of {parameters['vpc_id']}: {refused[0]['Error']['Message']}")
    return str(answer["FlowLogIds"][0])


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "vpc_id": {"type": "str", "required": True},
            "log_group_name": {"type": "str", "required": True},
            "role_arn": {"type": "str", "required": True},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    client = module.client("ec2")
    existing = find_flow_log(client, module.params["vpc_id"], module.params["log_group_name"])
    if existing is not None:
        identifier = existing["FlowLogId"]
        changed = ensure_ec2_tags(client, module, identifier, tags=module.params["tags"], purge_tags=True)
        module.exit_json(changed=changed, flow_log_id=identifier)
    if module.check_mode:
        module.exit_json(changed=True)
    try:
        module.exit_json(changed=True, flow_log_id=create_flow_log(client, module.params))
    except is_boto3_error_code(RETRIED) as error:
        module.fail_json_aws(
            error, msg="AWS made no flow log; a role that is seconds old may need a minute. Run it again"
        )
    except ValueError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
