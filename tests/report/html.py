"""A page taken apart with the parser of the standard library."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "hr", "input", "line", "path", "circle", "rect"}
UNREAD = {"style", "script"}


class Page(HTMLParser):
    """Elements, their attributes and all text; a tag that closes what was not opened last is an error."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open, self.mistakes = [], [], [], []
        self.feed(text)
        self.close()
        self.count = Counter(tag for tag, _ in self.elements)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in UNREAD:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]
