"""The one process with a route out. It opens tunnels (HTTP ``CONNECT``) to what ``egress.allow`` names, and to nothing
else; the list is empty by default. Standard library only. It sees names, never contents, which are encrypted end to
end.
"""
