"""Charts as SVG that the server draws: geometry as pure functions, and one template. No library, nothing fetched."""
