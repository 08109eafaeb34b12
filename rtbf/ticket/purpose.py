"""The purposes for which a ticket's identifiers may be shown to a member of staff. A look without one of these is refused.

Source: GDPR Art. 5(1)(b), purpose limitation. That somebody who names a purpose has it, is for the auditor to ask.
"""

from __future__ import annotations

PURPOSES: dict[str, str] = {
    "locate_by_hand": "look for the person in a place that no locator reads",
    "answer_person": "write or speak to the person about this ticket",
    "authority_request": "answer a supervisory authority or a court",
    "audit": "check that this ticket was worked on correctly",
}
