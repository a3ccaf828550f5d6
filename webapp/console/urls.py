"""The console's addresses, below ``/console/``."""

from django.urls import URLPattern, path

from webapp.console.views import hardware

urlpatterns: list[URLPattern] = [
    path("", hardware.index, name="console"),
    path("hardware", hardware.show, name="console-hardware"),
    path("hardware/<slug:slug>", hardware.figure_rows, name="console-figure"),
    path("hardware/<slug:slug>.csv", hardware.figure_csv, name="console-figure-csv"),
]
