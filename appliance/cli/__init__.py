"""The operator's command, ``bin/appliance``: one file for each verb, thin over the rooms that do the work.

Exit codes, the same for every verb:

==== ==========================================================================================
0    done, and all is well
1    done in part, or something does not work: the message says what
2    the command was written wrongly
3    cannot be done here: the machine, the installation or ``appliance.yaml`` has to change first
4    another command is starting or stopping the same appliance
5    the appliance is not running
130  interrupted; a first ``up`` left nothing running
==== ==========================================================================================
"""
