"""An authored document for the tests: a waterworks' handbook, as a PDF of two pages."""

from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

PAGES = [
    [
        ("Heading1", "Duty handbook of the waterworks"),
        ("Heading2", "Pumps"),
        (
            "BodyText",
            (
                "The pumping station at Hollow Lane has three pumps. Two of them run by day and one runs by night. "
                "A pump that has run for 4,000 hours is taken out of service and its bearings are replaced. "
                "The running hours are read every Monday and entered in the pump ledger."
            ),
        ),
        (
            "BodyText",
            (
                "When the pressure in the main falls below 2.5 bar, the duty engineer starts the third pump by hand "
                "and tells the control room. The third pump is never left running for more than six hours."
            ),
        ),
    ],
    [
        ("Heading2", "Filters"),
        (
            "BodyText",
            (
                "Sand filters are backwashed every 48 hours, or sooner when the head loss reaches 1.8 metres. "
                "Each backwash takes twelve minutes and uses 30 cubic metres of treated water."
            ),
        ),
        (
            "BodyText",
            (
                "Turbidity after the filters is measured continuously. A reading above 0.5 NTU closes the outlet valve "
                "by itself, and the outlet is opened again only after two clean samples."
            ),
        ),
    ],
]


def build_pdf() -> bytes:
    """The handbook's bytes."""
    styles, output, story = getSampleStyleSheet(), BytesIO(), []
    for number, page in enumerate(PAGES):
        if number:
            story.append(PageBreak())
        story.extend(Paragraph(text, styles[style]) for style, text in page)
    SimpleDocTemplate(output, pagesize=A4, title="Duty handbook").build(story)
    return output.getvalue()
