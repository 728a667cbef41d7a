"""Lists and dictionaries that write themselves back into the parameter node when they change."""

from collections.abc import MutableMapping, MutableSequence


class ObservedList(MutableSequence):
    """A list read from a parameter node; ``save`` is called with its items after each change."""

    def __init__(self, items: list, save) -> None:
        self._items = items
        self._save = save

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index):
        return self._items[index]

    def __setitem__(self, index, value) -> None:
        self._change(lambda items: items.__setitem__(index, value))

    def __delitem__(self, index) -> None:
        self._change(lambda items: items.__delitem__(index))

    def insert(self, index, value) -> None:
        self._change(lambda items: items.insert(index, value))

    def extend(self, values) -> None:
        self._change(lambda items: items.extend(values))

    def sort(self, **options) -> None:
        self._change(lambda items: items.sort(**options))

    def clear(self) -> None:
        self._change(lambda items: items.clear())

    def _change(self, change) -> None:
        # The change is made on a copy: a refused value leaves list and node as they were.
        items = list(self._items)
        change(items)
        self._save(items)
        self._items = items

    def __eq__(self, other) -> bool:
        return self._items == (other._items if isinstance(other, ObservedList) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return f"ObservedList({self._items})"


class ObservedDict(MutableMapping):
    """A dictionary read from a parameter node; ``save`` is called with its items after each change."""

    def __init__(self, items: dict, save) -> None:
        self._items = items
        self._save = save

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self):
        return iter(self._items)

    def __getitem__(self, key):
        return self._items[key]

    def __setitem__(self, key, value) -> None:
        self._change(lambda items: items.__setitem__(key, value))

    def __delitem__(self, key) -> None:
        self._change(lambda items: items.__delitem__(key))

    def _change(self, change) -> None:
        items = dict(self._items)
        change(items)
        self._save(items)
        self._items = items

    def __eq__(self, other) -> bool:
        return self._items == (other._items if isinstance(other, ObservedDict) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return f"ObservedDict({self._items})"
