"""What the stand-in describes, as JSON; runs in the deploying environment, which has boto3.

``python cloud.py describe NAME`` prints the VPC called NAME and what is in it; ``attach-internet-gateway NAME`` does by
hand what the playbook's audit has to find. The endpoint and the credentials come from the environment.
"""

import json
import sys
from typing import Any

import boto3


def describe(name: str) -> dict[str, Any]:
    ec2 = boto3.client("ec2")
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [name]}])["Vpcs"]
    if not vpcs:
        return {"vpcs": []}
    inside = [{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}]
    instances = [
        instance
        for reservation in ec2.describe_instances(Filters=inside)["Reservations"]
        for instance in reservation["Instances"]
    ]
    for instance in instances:
        attribute = ec2.describe_instance_attribute(
            InstanceId=instance["InstanceId"], Attribute="disableApiTermination"
        )
        instance["DisableApiTermination"] = attribute["DisableApiTermination"]["Value"]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpcs[0]["VpcId"]]}]
    return {
        "vpcs": vpcs,
        "subnets": ec2.describe_subnets(Filters=inside)["Subnets"],
        "route_tables": ec2.describe_route_tables(Filters=inside)["RouteTables"],
        "internet_gateways": ec2.describe_internet_gateways(Filters=attached)["InternetGateways"],
        "nat_gateways": ec2.describe_nat_gateways(Filter=inside)["NatGateways"],
        "addresses": ec2.describe_addresses()["Addresses"],
        "security_groups": ec2.describe_security_groups(Filters=inside)["SecurityGroups"],
        "endpoints": ec2.describe_vpc_endpoints(Filters=inside)["VpcEndpoints"],
        "instances": instances,
        "interfaces": ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"],
        "volumes": ec2.describe_volumes()["Volumes"],
        "flow_logs": ec2.describe_flow_logs()["FlowLogs"],
        "log_groups": boto3.client("logs").describe_log_groups()["logGroups"],
        "key": describe_key(f"alias/{name}"),
        "roles": {role: describe_role(role) for role in (f"{name}-host", f"{name}-flow-logs")},
    }


def describe_key(alias: str) -> dict[str, Any]:
    kms = boto3.client("kms")
    identifier = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    return {
        **kms.describe_key(KeyId=identifier)["KeyMetadata"],
        "Rotates": kms.get_key_rotation_status(KeyId=identifier)["KeyRotationEnabled"],
        "Policy": json.loads(kms.get_key_policy(KeyId=identifier, PolicyName="default")["Policy"]),
        "Tags": kms.list_resource_tags(KeyId=identifier)["Tags"],
    }


def describe_role(name: str) -> dict[str, Any]:
    iam = boto3.client("iam")
    return {
        "trust": iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
        "managed": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
        "inline": {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        },
    }


def attach_internet_gateway(name: str) -> None:
    ec2 = boto3.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [name]}])["Vpcs"][0]
    gateway = ec2.create_internet_gateway()["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc["VpcId"])


if __name__ == "__main__":
    verb, name = sys.argv[1:]
    if verb == "describe":
        sys.stdout.write(json.dumps(describe(name), default=str))
    else:
        attach_internet_gateway(name)
