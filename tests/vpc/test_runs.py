"""What each run of the playbook changes, says and refuses."""

from tests.vpc.conftest import Played
from tests.vpc.playing import Cloud, read_example_settings
from tests.vpc.test_state import rules


def test_check_mode_makes_nothing(rehearsal: Played) -> None:
    assert "It would be made, and everything in it." in rehearsal.run.output
    assert rehearsal.run.failed == 0
    assert rehearsal.state == {"vpcs": []}


def test_first_run_makes_everything(first: Played) -> None:
    print(f"first run: {first.run.seconds:.0f} s, changed={first.run.changed}")  # noqa: T201
    assert first.run.failed == 0, first.run.output[-3000:]
    assert first.run.changed > 10


def test_second_run_changes_nothing(first: Played, second: Played) -> None:
    print(f"second run: {second.run.seconds:.0f} s, changed={second.run.changed}")  # noqa: T201
    assert (second.run.failed, second.run.changed) == (0, 0), second.run.output[-3000:]
    assert second.state == first.state


def test_everything_wrong_is_refused_at_once_and_before_anything_is_made(cloud: Cloud, second: Played) -> None:
    run = cloud.play(
        vpc_name="other",
        appliance_networks={"browser": ["0.0.0.0/0"], "monitoring": ["128.0.0.0/1", "10.1.2.3/32"]},
        vpc_routes=[{"dest": "10.0.0.0/12", "gateway_id": "igw-0123456789abcdef0"}],
        vpc_gpu_instance_type="m7i.2xlarge",
    )
    assert (run.failed, run.changed) == (1, 0)
    assert "0.0.0.0/0, 128.0.0.0/1 would open" in run.output
    assert "igw-0123456789abcdef0" in run.output
    assert "m7i.2xlarge is of no family with NVIDIA GPUs" in run.output
    assert "Make the VPC" not in run.output


def test_settings_without_an_agent_are_refused(cloud: Cloud, second: Played) -> None:
    """Nothing leads into the VPC, so the hosts would be nobody's."""
    run = cloud.play(appliance_settings={**read_example_settings(), "management": {}})
    assert (run.failed, run.changed) == (1, 0)
    assert "has no management.agent: ssm" in run.output


def test_network_of_somebody_unknown_is_refused(cloud: Cloud, second: Played) -> None:
    run = cloud.play(appliance_networks={"browsers": ["10.0.0.0/12"]})
    assert (run.failed, run.changed) == (1, 0)
    assert "appliance_networks of browsers: the topology knows" in run.output


def test_changed_port_changes_the_group_and_nothing_else(second: Played, third: Played) -> None:
    before, after = rules(second.state, "appliance-gpu"), rules(third.state, "appliance-gpu")
    assert {rule[1] for rule in before} == {8443}
    assert {rule[1] for rule in after} == {9443}
    assert third.run.changed == 1


def test_what_changed_by_hand_is_said_and_no_host_is_made_twice(second: Played, third: Played) -> None:
    assert third.run.failed == 1
    assert "An internet gateway is attached to the VPC" in third.run.output
    assert "Hosts keep their images" in third.run.output
    assert [each["InstanceId"] for each in third.state["instances"]] == [
        each["InstanceId"] for each in second.state["instances"]
    ]
