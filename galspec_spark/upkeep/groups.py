"""Which parts are merged: small ones of one release, of which all tables say the same."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass

from galspec_spark.catalog.current import Settings, predictions_place, settings_of
from galspec_spark.catalog.read import place_in
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.releases import RELEASE
from galspec_spark.warehouse.sample import Slice, slices
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse, place_beside

#: A part is small below this share of the size that a part should have.
SMALL = 0.5
#: Tables with a part for each part of ``spectra``, beside ``catalog``.
DERIVED = ("restframe", "lines")


@dataclass(frozen=True)
class Group:
    """Parts of ``spectra`` to merge, and what other tables have of them."""

    spectra: tuple[Location, ...]
    derived: tuple[str, ...]  #: those of `DERIVED` that have a part for each
    catalog: Mapping[str, tuple[Location, ...]]  #: a part for each, by model
    #: What the predictions of each model are current under; None where they are outdated.
    settings: Mapping[str, Settings | None]


def small_groups(parts: Collection[Location], part_bytes: float) -> Iterator[tuple[Location, ...]]:
    """Put small parts together, in their order, up to a size; leave out what stays alone."""
    group: list[Location] = []
    held = 0
    for part, size in _small(parts, part_bytes):
        if held + size > part_bytes:
            yield tuple(group)
            group, held = [], 0
        group.append(part)
        held += size
    if len(group) > 1:
        yield tuple(group)


def _small(parts: Collection[Location], part_bytes: float) -> Iterator[tuple[Location, int]]:
    for part in sorted(parts):
        size = part.status().size
        if size < SMALL * part_bytes:
            yield part, size


def groups_of_files(warehouse: Warehouse, part_bytes: float) -> list[tuple[Location, ...]]:
    """Return the parts of ``files`` to merge; they are of one release, which ingest looks for."""
    alike: dict[Hashable, list[Location]] = {}
    for part in warehouse.parts("files"):
        alike.setdefault(open_part(part).bounds(RELEASE), []).append(part)
    return [group for parts in alike.values() for group in small_groups(parts, part_bytes)]


def groups_of_spectra(
    warehouse: Warehouse, catalog: Collection[Location], part_bytes: float
) -> list[Group]:
    """Return the parts of ``spectra`` to merge.

    They are of one survey and release. The same derived tables have them, and the same models have
    classified them under the same settings: so what is current stays so, and what one of them
    lacks, all lack.

    Parameters
    ----------
    catalog
        The parts of ``catalog`` that are kept.
    """
    tables = _Tables.of(warehouse, catalog)
    alike: dict[Hashable, list[Location]] = {}
    for part, _ in _small(warehouse.parts("spectra"), part_bytes):
        settings = tables.settings(part)
        texts = {model: each and each.model_dump_json() for model, each in settings.items()}
        key = (part.parent, tables.derived(part), tuple(sorted(texts.items(), key=str)))
        alike.setdefault(key, []).append(part)
    return [
        tables.group(spectra)
        for parts in alike.values()
        for spectra in small_groups(parts, part_bytes)
    ]


@dataclass(frozen=True)
class _Tables:
    """What tables have of the parts of ``spectra``."""

    warehouse: Warehouse
    places: frozenset[str]  #: of the parts of `DERIVED`
    decided: Mapping[str, Slice]  #: by the place of the part of ``restframe``
    catalog: Mapping[str, Mapping[str, Location]]  #: the same, and then by model

    @classmethod
    def of(cls, warehouse: Warehouse, catalog: Collection[Location]) -> _Tables:
        parts = [part for table in DERIVED for part in warehouse.parts(table)]
        decided = slices(warehouse) if warehouse.parts("sample") else []
        by_model: dict[str, dict[str, Location]] = {}
        for part in catalog:
            model = partition_values(part)["model"]
            by_model.setdefault(place_in("restframe", part), {})[model] = part
        return cls(
            warehouse,
            frozenset(map(warehouse.place_of, parts)),
            {warehouse.place_of(each.part): each for each in decided},
            by_model,
        )

    def derived(self, spectra: Location) -> tuple[str, ...]:
        """Return the tables that have a part for a part of ``spectra``."""
        return tuple(t for t in DERIVED if counterpart(self.warehouse, spectra, t) in self.places)

    def settings(self, spectra: Location) -> dict[str, Settings | None]:
        """Return the models that classified a part, and what the predictions are current under."""
        decided = self.decided.get(counterpart(self.warehouse, spectra, "restframe"))
        found = {}
        for model, part in self._predictions(spectra).items():
            settings = settings_of(open_part(part))
            is_current = (
                decided is not None
                and settings is not None
                and predictions_place(decided, model, settings) == self.warehouse.place_of(part)
            )
            found[model] = settings if is_current else None
        return found

    def _predictions(self, spectra: Location) -> Mapping[str, Location]:
        return self.catalog.get(counterpart(self.warehouse, spectra, "restframe"), {})

    def group(self, spectra: tuple[Location, ...]) -> Group:
        """Return parts that are alike, with what other tables have of them."""
        settings = self.settings(spectra[0])
        catalog = {
            model: tuple(self._predictions(part)[model] for part in spectra) for model in settings
        }
        return Group(spectra, self.derived(spectra[0]), catalog, settings)


def counterpart(warehouse: Warehouse, spectra: Location, table: str) -> str:
    """Return the place of the part of a table that has the rows of a part of ``spectra``."""
    return place_beside(warehouse.place_of(spectra), table)
