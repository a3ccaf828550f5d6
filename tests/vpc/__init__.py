"""The playbook vpc.yml against a stand-in for AWS (moto) on this machine. The real cloud is never asked."""
