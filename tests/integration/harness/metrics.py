"""Prometheus' text format, as far as the worker's /metrics needs it."""

import re
from typing import Dict, List, Tuple

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    def __init__(self, text: str):
        self.text = text
        self.samples: List[Tuple[str, Dict[str, str], float]] = []
        for line in text.splitlines():
            match = _SAMPLE.match(line) if line and not line.startswith("#") else None
            if match:
                self.samples.append((match["name"], dict(_LABEL.findall(match["labels"] or "")), float(match["value"])))

    def all(self, name: str, **labels: str) -> List[float]:
        return [value for found, has, value in self.samples if found == name and all(has.get(k) == v for k, v in labels.items())]

    def sum(self, name: str, **labels: str) -> float:
        found = self.all(name, **labels)
        assert found, f"no metric {name} {labels}; there are: {sorted({n for n, _, _ in self.samples})}"
        return sum(found)
