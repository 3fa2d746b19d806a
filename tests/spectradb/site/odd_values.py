"""The forms that pages show, and what nobody writes into their fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

ODD = ("1e308", "nan", "-1", "1" + 40 * "0", "", "text", "a\0b", "[1,2]", "1e-320", "²")
"""The last is a digit to ``str.isdigit`` and no number to ``int``."""


@dataclass
class Form:
    """A form as a browser would send it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, ...]:
        """Forms of one kind differ in the row that they are about."""
        place = self.action.split("?")[0]
        return (self.method, "".join(c for c in place if not c.isdigit()), *sorted(self.fields))


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given.get("action") or self.address
            self.forms.append(Form(action, given.get("method", "get").lower()))
        if not self.forms:
            return
        fields, name = self.forms[-1].fields, given.get("name", "")
        if tag in ("input", "textarea", "button") and name and given.get("type") != "file":
            fields.setdefault(name, given.get("value", ""))
        elif tag == "select" and name:
            self.select = name
            fields.setdefault(name, "")
        elif tag == "option" and self.select and ("selected" in given or not fields[self.select]):
            fields[self.select] = given.get("value", "")


def forms_of(html: str, address: str) -> list[Form]:
    """Every form of a page; what has no action is sent to the page's own address."""
    reader = _Reader(address)
    reader.feed(html)
    return [form for form in reader.forms if form.fields]
