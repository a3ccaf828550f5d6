"""The accent of the record admin's theme: the pages' own colour (tokens.css) as a scale from light to dark."""

STEPS = {
    "50": "oklch(97.5% .012 217)",
    "100": "oklch(94.5% .025 217)",
    "200": "oklch(89% .045 217)",
    "300": "oklch(82% .07 217)",
    "400": "oklch(74% .085 217)",
    "500": "oklch(55% .09 217)",
    "600": "oklch(45% .08 217)",
    "700": "oklch(40% .072 217)",
    "800": "oklch(35% .062 217)",
    "900": "oklch(30% .052 217)",
    "950": "oklch(23% .04 217)",
}
