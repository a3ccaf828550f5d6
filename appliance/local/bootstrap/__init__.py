"""What :mod:`appliance.local.environments` is made of. Standard library only, because nothing is installed yet."""
