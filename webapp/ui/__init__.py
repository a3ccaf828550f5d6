"""How every page looks: design tokens, base template, components, icons and the vendored htmx. Knows no other room."""
