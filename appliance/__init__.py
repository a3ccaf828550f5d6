"""Operating the appliance: settings, topology, the local default, checks and the command line."""
