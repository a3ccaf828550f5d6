"""Can the appliance run on this machine? Facts are gathered thinly; the checks are pure functions of them."""

from appliance.doctor.checks import Check, run_checks
from appliance.doctor.examine import examine
from appliance.doctor.facts import Facts

__all__ = ["Check", "Facts", "examine", "run_checks"]
