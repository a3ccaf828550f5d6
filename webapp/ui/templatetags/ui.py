"""``{% icon "name" %}``: an inline drawing that takes the colour of the text and is hidden from screen readers."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.ui.icons import PATHS

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw the icon ``name``; an unknown name is a mistake in a template and raises KeyError."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        PATHS[name],
    )
