"""The appliance's tests; the folders are the tiers."""
