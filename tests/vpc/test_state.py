"""What the stand-in describes after the playbook ran: nothing leads in from the world, nothing leads out to it."""

import json
from typing import Any

import pytest

from tests.vpc.conftest import Played

SERVICES = {"ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "kms", "logs"}


def group(state: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in state["security_groups"] if each["GroupName"] == name)


def rules(state: dict[str, Any], name: str, direction: str = "IpPermissions") -> set[tuple[str, int, str]]:
    """Protocol, port and peer of each rule: a network, another group's name or ``prefix-list``."""
    names = {each["GroupId"]: each["GroupName"] for each in state["security_groups"]}
    found = set()
    for permission in group(state, name)[direction]:
        assert permission.get("FromPort") == permission.get("ToPort")
        peers = [each["CidrIp"] for each in permission["IpRanges"]]
        peers += [each["CidrIpv6"] for each in permission["Ipv6Ranges"]]
        peers += [names[each["GroupId"]] for each in permission["UserIdGroupPairs"]]
        peers += ["prefix-list" for _ in permission["PrefixListIds"]]
        found |= {(permission["IpProtocol"], permission.get("FromPort"), peer) for peer in peers}
    return found


@pytest.fixture(scope="session")
def state(second: Played) -> dict[str, Any]:
    return second.state


def test_routes_lead_nowhere_but_inside_and_to_s3(state: dict[str, Any]) -> None:
    routes = [route for table in state["route_tables"] for route in table["Routes"]]
    assert [
        route for route in routes if route.get("GatewayId") != "local" and "DestinationPrefixListId" not in route
    ] == []
    assert sum("DestinationPrefixListId" in route for route in routes) == 1
    assert (state["internet_gateways"], state["nat_gateways"], state["addresses"]) == ([], [], [])


def test_subnets_are_private_and_in_two_zones(state: dict[str, Any]) -> None:
    assert {(each["CidrBlock"], each["AvailabilityZone"]) for each in state["subnets"]} == {
        ("10.20.0.0/20", "eu-west-2a"),
        ("10.20.16.0/20", "eu-west-2b"),
    }
    assert not any(each["MapPublicIpOnLaunch"] for each in state["subnets"])
    private = next(table for table in state["route_tables"] if table["Tags"])
    assert {each["SubnetId"] for each in private["Associations"]} == {each["SubnetId"] for each in state["subnets"]}


def test_no_group_is_open_to_the_world_in_either_direction(state: dict[str, Any]) -> None:
    written = json.dumps(state["security_groups"])
    assert "/0" not in written
    assert {each["GroupName"] for each in state["security_groups"]} == {
        "default", "appliance-app", "appliance-gpu", "appliance-endpoints",
    }  # fmt: skip


def test_groups_are_exactly_the_topology_s(state: dict[str, Any]) -> None:
    names = {("udp", 53, "10.20.0.2/32"), ("tcp", 53, "10.20.0.2/32")}
    out = {("tcp", 443, "appliance-endpoints"), ("tcp", 443, "prefix-list"), *names}
    assert rules(state, "appliance-app") == {("tcp", 443, "10.0.0.0/12"), ("tcp", 80, "10.0.0.0/12")}
    assert rules(state, "appliance-app", "IpPermissionsEgress") == {*out, ("tcp", 8443, "appliance-gpu")}
    assert rules(state, "appliance-gpu") == {("tcp", 8443, "appliance-app"), ("tcp", 8443, "10.1.2.3/32")}
    assert rules(state, "appliance-gpu", "IpPermissionsEgress") == out
    assert rules(state, "appliance-endpoints") == {("tcp", 443, "10.20.0.0/20"), ("tcp", 443, "10.20.16.0/20")}
    assert rules(state, "appliance-endpoints", "IpPermissionsEgress") == set()


def test_default_group_lets_nothing_through(state: dict[str, Any]) -> None:
    default = group(state, "default")
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])


def test_endpoints_are_private_and_lead_to_this_account_only(state: dict[str, Any]) -> None:
    account = state["vpcs"][0]["OwnerId"]
    interfaces = [each for each in state["endpoints"] if each["VpcEndpointType"] == "Interface"]
    assert {each["ServiceName"].removeprefix("com.amazonaws.eu-west-2.") for each in interfaces} == SERVICES
    for endpoint in interfaces:
        assert endpoint["PrivateDnsEnabled"]
        assert set(endpoint["SubnetIds"]) == {each["SubnetId"] for each in state["subnets"]}
        assert [each["GroupName"] for each in endpoint["Groups"]] == ["appliance-endpoints"]
        (statement,) = json.loads(endpoint["PolicyDocument"])["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": account}}
    (s3,) = [each for each in state["endpoints"] if each["VpcEndpointType"] == "Gateway"]
    (statement,) = json.loads(s3["PolicyDocument"])["Statement"]
    assert statement["Action"] == ["s3:GetObject"]
    assert statement["Resource"] == ["arn:aws:s3:::prod-eu-west-2-starport-layer-bucket/*"]


def test_hosts_have_no_public_address_and_ask_for_metadata_tokens(state: dict[str, Any]) -> None:
    assert [(each["InstanceType"], each["ImageId"]) for each in state["instances"]] == [
        ("m7i.2xlarge", "ami-0123456789abcdef0"),
        ("g6.2xlarge", "ami-0fedcba9876543210"),
    ]
    for instance in state["instances"]:
        assert "PublicIpAddress" not in instance
        assert "KeyName" not in instance
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert instance["DisableApiTermination"]
        assert instance["IamInstanceProfile"]["Arn"].endswith(":instance-profile/appliance-host")
    assert not any(interface.get("Association", {}).get("PublicIp") for interface in state["interfaces"])
    assert [[each["GroupName"] for each in instance["SecurityGroups"]] for instance in state["instances"]] == [
        ["appliance-app"],
        ["appliance-gpu"],
    ]


def test_volumes_are_encrypted_with_the_key_that_rotates(state: dict[str, Any]) -> None:
    key = state["key"]
    assert key["Rotates"]
    assert key["Enabled"]
    assert sorted(
        (each["Size"], each["VolumeType"], each["Encrypted"], each["KmsKeyId"]) for each in state["volumes"]
    ) == [
        (200, "gp3", True, key["Arn"]),
        (300, "gp3", True, key["Arn"]),
    ]


def test_every_connection_is_logged_encrypted_and_kept_for_a_year(state: dict[str, Any]) -> None:
    (log,) = state["flow_logs"]
    assert (log["ResourceId"], log["TrafficType"], log["LogGroupName"], log["DeliverLogsStatus"]) == (
        state["vpcs"][0]["VpcId"], "ALL", "/appliance/flow-logs", "SUCCESS",
    )  # fmt: skip
    (group_,) = state["log_groups"]
    assert (group_["logGroupName"], group_["retentionInDays"], group_["kmsKeyId"]) == (
        "/appliance/flow-logs", 365, state["key"]["Arn"],
    )  # fmt: skip


def test_hosts_may_be_managed_and_nothing_else(state: dict[str, Any]) -> None:
    host = state["roles"]["appliance-host"]
    assert host["managed"] == []
    (policy,) = host["inline"].values()
    (statement,) = policy["Statement"]
    services = {action.partition(":")[0] for action in statement["Action"]}
    assert services == {"ssm", "ssmmessages", "ec2messages"}
    assert not any("*" in action for action in statement["Action"])
    writer = state["roles"]["appliance-flow-logs"]
    assert writer["trust"]["Statement"][0]["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert writer["trust"]["Statement"][0]["Condition"]


def test_everything_is_tagged(state: dict[str, Any]) -> None:
    things = [
        *state["vpcs"], *state["subnets"], *state["security_groups"], *state["endpoints"], *state["instances"],
        *state["volumes"], *state["flow_logs"], *[each for each in state["route_tables"] if each["Tags"]],
    ]  # fmt: skip
    for thing in things:
        tags = {each["Key"]: each["Value"] for each in thing["Tags"]}
        assert tags["appliance"] == "appliance"
        assert tags["owner"] == "it-operations"
        assert tags["Name"]
    assert {each["TagKey"] for each in state["key"]["Tags"]} == {"Name", "appliance", "owner"}
