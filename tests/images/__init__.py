"""Container images built without a registry or an engine daemon, and the chart's Pods run from them with podman."""
