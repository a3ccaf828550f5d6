"""The icons, drawn for this project as strokes on a 24 by 24 grid."""

PATHS = {
    "spark": "M12 3v5M12 16v5M3 12h5M16 12h5M6.5 6.5l2.5 2.5M15 15l2.5 2.5M17.5 6.5L15 9M9 15l-2.5 2.5",
    "new": "M12 5v14M5 12h14",
    "chat": "M4 5h16v11H10l-5 4v-4H4z",
    "folder": "M3 6h6l2 2h10v11H3z",
    "people": (
        "M9 11a3 3 0 100-6 3 3 0 000 6M3.5 19c.4-3 2.7-5 5.5-5s5.1 2 5.5 5M16 6.5a2.5 2.5 0 010 5"
        "M17.5 14.5c1.8.6 2.8 2.3 3 4.5"
    ),
    "records": "M5 4h14v16H5zM8.5 8.5h7M8.5 12h7M8.5 15.5h4",
    "person": "M12 12a4 4 0 100-8 4 4 0 000 8M4.5 20c.6-3.6 3.7-6 7.5-6s6.9 2.4 7.5 6",
    "key": "M8 16a4 4 0 114-4h8v3h-3v-3",
    "leave": "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
    "send": "M12 19V6M6 11l6-6 6 6",
    "stop": "M7 7h10v10H7z",
    "copy": "M9 9h10v11H9zM15 9V4H5v11h4",
    "again": "M19 8a8 8 0 10.8 6M19.5 3.5V8.5h-5",
    "delete": "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
    "edit": "M4 20l1-4L16 5l3 3L8 19z",
    "close": "M6 6l12 12M18 6L6 18",
    "document": "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
    "upload": "M12 16V5M7 9.5L12 5l5 4.5M5 19h14",
    "information": "M12 21a9 9 0 100-18 9 9 0 000 18M12 11v5M12 7.8v.1",
    "warning": "M12 4l9 16H3zM12 10v4.5M12 17.3v.1",
    "bad": "M12 21a9 9 0 100-18 9 9 0 000 18M12 7.5v5.5M12 16.2v.1",
    "keyboard": "M3 7h18v10H3zM7 10.5h.1M10.5 10.5h.1M14 10.5h.1M17 10.5h.1M8 14h8",
    "back": "M11 6l-6 6 6 6M5 12h14",
}
