"""Traces of use as nodes: dust, scratches, fingerprints and rubbed-off print over a scan's own colour and gloss.

All patterns are solid: functions of the place in the object's own frame, in metres, so that a scratch is as wide on a
small scan as on a large one, needs no UVs and has no seam. Single marks (a scratch, a fingerprint, a speck of dust) sit
in the cells of a Voronoi diagram, one in each, turned by chance: nothing repeats. An object's properties say how much
of each kind there is, and where in space it is cut out of the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...exchange.plan_types import MatrixJson, WearJson
from .node_graph import NodeGraph

AMOUNTS = "scan_wear"  # (dust, scratches, fingerprints), 0 to 1
SCUFFS = "scan_wear_scuffs"  # (scuffs 0 to 1, metres in the world for a unit of the asset's frame, unused)
PLACE = "scan_wear_place"  # the object's offset in the pattern, metres

_DUST = (0.34, 0.32, 0.29)  # linear, of house dust
_DULL = 0.9  # roughness of dust
_GREASE = 0.42  # roughness of what fingers leave behind
_BARE = 0.5  # lightness of paper, plastic or primer below the print
_EDGE_M = 0.0012  # how far from an edge it is rubbed


@dataclass(frozen=True)
class WornSockets:
    """What a surface is like with wear: sockets, or constants. ``clear``: the share that no dust covers."""

    color: Any
    roughness: Any
    metallic: Any
    clear: Any


@dataclass(frozen=True)
class _Mark:
    """The cell of space that a point lies in. ``u``, ``v``: metres from its middle along the surface, turned by chance;
    ``distance``: in space; ``chances``: three sockets, each from 0 to 1 and the same all over the cell."""

    u: Any
    v: Any
    distance: Any
    chances: tuple[Any, Any, Any]


def wear_properties(wear: WearJson, matrix: MatrixJson) -> dict[str, list[float]]:
    """The object properties that carry a ``WearPlan``, for an object with ``object_to_world`` ``matrix``."""
    volume = (
        matrix[0][0] * (matrix[1][1] * matrix[2][2] - matrix[1][2] * matrix[2][1])
        - matrix[0][1] * (matrix[1][0] * matrix[2][2] - matrix[1][2] * matrix[2][0])
        + matrix[0][2] * (matrix[1][0] * matrix[2][1] - matrix[1][1] * matrix[2][0])
    )
    return {
        AMOUNTS: [wear["dust"], wear["scratches"], wear["fingerprints"]],
        SCUFFS: [wear["scuffs"], abs(volume) ** (1 / 3), 0.0],
        PLACE: list(wear["offset_m"]),
    }


class WearLayers:
    """Builds them in one material's graph."""

    def __init__(self, graph: NodeGraph) -> None:
        self._graph = graph
        self._scuffs, metres, _ = graph.split(graph.object_property(SCUFFS))
        self._dust, self._scratches, self._prints = graph.split(graph.object_property(AMOUNTS))
        coordinates = graph.node("TexCoord")
        self._normal = coordinates.outputs["Normal"]  # in the object's frame
        self._point = graph.vector(  # in metres
            "MULTIPLY_ADD",
            coordinates.outputs["Object"],
            graph.join(metres, metres, metres),
            graph.object_property(PLACE),
        )

    def lay_on(self, color: Any, roughness: Any, metallic: Any) -> WornSockets:
        """Wear over a surface of this look: rubbed off first, then scratched, touched, and dusty at last."""
        graph = self._graph
        rubbed = self._rubbed()
        bare = self._faded(color)
        color = graph.mix(color, bare, graph.join(*[graph.math("MULTIPLY", rubbed, 0.8)] * 3))
        roughness = self._toward(roughness, 0.65, graph.math("MULTIPLY", rubbed, 0.7))
        # Both layers of scratches share these: noise is most of what wear costs.
        self._broken = graph.ramp(self._noise(0.0025, 0.0, 1.0, 0.6), 0.35, 0.6)
        self._bent = graph.vector("MULTIPLY", self._noise_vector(0.03, 0.0), (0.004,) * 3)
        for size_m, shift in ((0.024, 0.0), (0.05, 3.1)):
            line, dark = self._scratched(size_m, shift)
            tone = graph.mix(bare, graph.vector("MULTIPLY", color, (0.3, 0.28, 0.26)), graph.join(dark, dark, dark))
            color = graph.mix(color, tone, graph.join(line, line, line))
            roughness = self._toward(roughness, 0.55, line)
        roughness = self._toward(roughness, _GREASE, self._touched())
        dust = self._dusty()
        clear = graph.math("SUBTRACT", 1.0, dust)
        color = graph.mix(color, _DUST, graph.join(dust, dust, dust))
        roughness = self._toward(roughness, _DULL, graph.math("MULTIPLY", dust, 1.8, clamp=True))
        return WornSockets(color, roughness, graph.math("MULTIPLY", metallic, clear), clear)

    def _faded(self, color: Any) -> Any:
        """The colour with its print gone: lighter, and half as colourful."""
        graph = self._graph
        light = graph.dot(color, (0.2126, 0.7152, 0.0722))
        level = graph.math("MULTIPLY_ADD", light, 0.35, _BARE * 0.8)
        return graph.mix(graph.join(level, level, level), color, (0.25, 0.25, 0.25))

    def _rubbed(self) -> Any:
        """Share of the print that is gone: small spots in worn areas, and along edges."""
        graph = self._graph
        area = self._noise(0.03, 0.0, 1.0, 0.5)
        fine = self._noise(0.004, 0.7, 3.0, 0.7)
        # An edge is where the surface turns within a millimetre (Cycles alone knows).
        bevel = graph.node("Bevel", samples=4)
        graph.feed(bevel.inputs["Radius"], _EDGE_M)
        turn = graph.math("SUBTRACT", 1.0, graph.dot(bevel.outputs[0], graph.node("NewGeometry").outputs["Normal"]))
        edge = graph.ramp(turn, 0.03, 0.25)
        # Of a noise about 0.5, what exceeds the threshold: 0.8 is nothing at all, 0.6 one part in ten.
        height = graph.math("MULTIPLY_ADD", graph.math("SUBTRACT", area, 0.5), 0.55, fine)
        height = graph.math("MULTIPLY_ADD", edge, 0.28, height)
        threshold = graph.math("MULTIPLY_ADD", self._scuffs, -0.2, 0.86)
        spots = graph.ramp(height, threshold, graph.math("ADD", threshold, 0.04))
        return graph.math("MULTIPLY", spots, graph.math("GREATER_THAN", self._scuffs, 0.0))

    def _scratched(self, size_m: float, shift: float) -> tuple[Any, Any]:
        """(how deep the scratches of one layer are here, 0 to 1; whether they are dark, 0 or 1)."""
        graph = self._graph
        mark = self._mark(size_m, shift, self._bent)
        chance, length, tone = mark.chances
        half_m = graph.math("MULTIPLY_ADD", length, 0.42 * size_m, 0.1 * size_m)
        width_m = graph.math("MULTIPLY_ADD", tone, 1.5e-4, 2e-4)
        line = self._within(mark.v, graph.math("MULTIPLY", width_m, 0.2), width_m)
        taper = self._within(mark.u, graph.math("MULTIPLY", half_m, 0.4), half_m)
        there = graph.math("LESS_THAN", chance, self._scratches)
        depth = graph.math("MULTIPLY", graph.math("MULTIPLY", line, taper), graph.math("MULTIPLY", self._broken, there))
        depth = graph.math("MULTIPLY", depth, graph.math("MULTIPLY_ADD", length, -0.35, 0.9))
        return depth, graph.math("LESS_THAN", tone, 0.35)

    def _touched(self) -> Any:
        """How greasy the surface is, 0 to 1: ovals of a fingertip's size with ridges half a millimetre apart."""
        graph = self._graph
        mark = self._mark(0.05, 5.3, None)
        chance, press, size = mark.chances
        scale = graph.math("MULTIPLY_ADD", size, 0.4, 0.8)
        oval = graph.vector("DIVIDE", graph.join(mark.u, mark.v), graph.join(*[scale] * 3))
        x, y, _ = graph.split(graph.vector("MULTIPLY", oval, (1 / 0.011, 1 / 0.008, 0.0)))
        reach = graph.math("SQRT", graph.math("MULTIPLY_ADD", x, x, graph.math("MULTIPLY", y, y)))
        pad = graph.math("SUBTRACT", 1.0, graph.ramp(reach, 0.65, 1.0))
        wave = graph.math("MULTIPLY_ADD", self._noise(0.006, 5.3, 0.0, 0.5), 30.0, graph.math("MULTIPLY", reach, 110.0))
        ridges = graph.math("MULTIPLY_ADD", graph.math("SINE", wave), 0.3, 0.7)
        smear = graph.ramp(self._noise(0.008, 6.1, 1.0, 0.5), 0.25, 0.6)
        there = graph.math("LESS_THAN", chance, self._prints)
        grease = graph.math("MULTIPLY", graph.math("MULTIPLY", pad, ridges), graph.math("MULTIPLY", smear, there))
        return graph.math("MULTIPLY", grease, graph.math("MULTIPLY_ADD", press, 0.5, 0.4))

    def _dusty(self) -> Any:
        """Share of the surface that dust covers: a film, thicker here and there, and specks; little on steep sides."""
        graph = self._graph
        _, _, up = graph.split(graph.node("NewGeometry").outputs["Normal"])
        lies = graph.math("MULTIPLY_ADD", graph.ramp(up, 0.1, 0.95), 0.94, 0.06)
        clouds = graph.ramp(self._noise(0.045, 1.3, 2.0, 0.6), 0.3, 0.72)
        grain = self._noise(0.0009, 2.2, 0.0, 0.5)
        film = graph.math("MULTIPLY_ADD", clouds, 0.45, 0.12)
        film = graph.math("MULTIPLY", film, graph.math("MULTIPLY_ADD", grain, 0.9, 0.55))
        mark = self._mark(0.0035, 7.7, None)
        chance, size, _ = mark.chances
        radius_m = graph.math("MULTIPLY_ADD", graph.math("POWER", size, 3.0), 6e-4, 2.5e-4)
        speck = graph.math("SUBTRACT", 1.0, graph.ramp(mark.distance, graph.math("MULTIPLY", radius_m, 0.5), radius_m))
        speck = graph.math("MULTIPLY", speck, graph.math("LESS_THAN", chance, self._dust))
        film = graph.math("MULTIPLY", film, self._dust)
        both = graph.math("MAXIMUM", film, graph.math("MULTIPLY", speck, 0.8))
        return graph.math("MULTIPLY", both, lies, clamp=True)

    def _mark(self, size_m: float, shift: float, bend: Any) -> _Mark:
        graph = self._graph
        point = self._point if bend is None else graph.vector("ADD", self._point, bend)
        point = graph.vector("MULTIPLY_ADD", point, (1 / size_m,) * 3, (shift,) * 3)
        voronoi = graph.node("TexVoronoi", voronoi_dimensions="3D", feature="F1")
        graph.feed(voronoi.inputs["Vector"], point)
        graph.feed(voronoi.inputs["Scale"], 1.0)
        chances = voronoi.outputs["Color"]
        away = graph.vector("MULTIPLY", graph.vector("SUBTRACT", point, voronoi.outputs["Position"]), (size_m,) * 3)
        # The turn must not hang on the chances, or all scratches of a length would lie alike.
        noise = graph.node("TexWhiteNoise", noise_dimensions="3D")
        graph.feed(noise.inputs["Vector"], chances)
        aim = graph.vector("SUBTRACT", noise.outputs["Color"], (0.5, 0.5, 0.5))
        lift = graph.dot(aim, self._normal)
        flat = graph.vector("SUBTRACT", aim, graph.vector("MULTIPLY", self._normal, graph.join(lift, lift, lift)))
        along = graph.vector("NORMALIZE", flat)
        across = graph.vector("CROSS_PRODUCT", self._normal, along)
        distance = graph.math("SQRT", graph.dot(away, away))
        return _Mark(graph.dot(away, along), graph.dot(away, across), distance, graph.split(chances))

    def _within(self, offset: Any, inner: Any, outer: Any) -> Any:
        """1 nearer than ``inner`` to the middle, 0 beyond ``outer``."""
        graph = self._graph
        return graph.math("SUBTRACT", 1.0, graph.ramp(graph.math("ABSOLUTE", offset), inner, outer))

    def _noise(self, size_m: float, shift: float, detail: float, roughness: float) -> Any:
        """Gradient noise of features of this size, about 0.5."""
        return self._noise_node(size_m, shift, detail, roughness).outputs[0]

    def _noise_vector(self, size_m: float, shift: float) -> Any:
        return self._graph.vector("SUBTRACT", self._noise_node(size_m, shift, 0.0, 0.5).outputs["Color"], (0.5,) * 3)

    def _noise_node(self, size_m: float, shift: float, detail: float, roughness: float) -> Any:
        graph = self._graph
        node = graph.node("TexNoise", noise_dimensions="3D")
        point = graph.vector("MULTIPLY_ADD", self._point, (1 / size_m,) * 3, (shift,) * 3)
        for name, value in (("Vector", point), ("Scale", 1.0), ("Detail", detail), ("Roughness", roughness)):
            graph.feed(node.inputs[name], value)
        return node

    def _toward(self, value: Any, goal: float, share: Any) -> Any:
        """``value`` moved to ``goal`` by a share."""
        graph = self._graph
        return graph.math("MULTIPLY_ADD", graph.math("SUBTRACT", goal, value), share, value)
