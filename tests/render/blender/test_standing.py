"""What a picture doesn't show stays referred to; seen on made-up datablocks."""

from __future__ import annotations

from scanstage.render.blender.scene.standing import StandingUsers


class Datablock:
    def __init__(self, name: str, pointer: int) -> None:
        self.name, self._pointer, self.users = name, pointer, 0

    def as_pointer(self) -> int:
        return self._pointer


class Holder(dict):
    """An object with custom properties, which count as users of what they refer to."""

    def __setitem__(self, key: str, value: Datablock) -> None:
        value.users += key not in self
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self[key].users -= 1
        super().__delitem__(key)


def test_datablocks_are_held_until_they_are_dropped() -> None:
    holder = Holder()
    standing = StandingUsers(holder)
    wood, lamp = Datablock("area", 16), Datablock("area", 32)  # names are unique only among materials, or lamps
    for item in (wood, lamp, wood):
        standing.add(item)
    assert set(holder.values()) == {wood, lamp}
    assert standing.others(wood) == 0
    wood.users += 2
    assert standing.others(wood) == 2
    standing.drop(lamp)
    standing.drop(lamp)
    assert set(holder.values()) == {wood}
    assert lamp.users == 0
    lamp.users = 1
    assert standing.others(lamp) == 1
