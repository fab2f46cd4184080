"""Downloads the templates of stars that SDSS's pipeline fits continua with."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from galspec_spark.download.part_file import file_sha1
from galspec_spark.download.problems import TransferError
from galspec_spark.download.transfer import Transfer
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.storage import Location

#: In the public repository of the pipeline, as it was when all releases up to DR17 were made.
ADDRESS = (
    "https://raw.githubusercontent.com/sdss/idlspec2d/"
    "a7d113909ffda45265c49a05d80bb8f7984c50ce/templates/spEigenElodie.fits"
)
SHA1 = "35a1e3bfe518624886b3d72212f6e27f7ddba0fc"


def download_templates(run: Run, output: Path) -> dict[str, object]:
    """Fetch the file into a folder, unless the folder has it.

    Returns
    -------
    dict
        Its ``address``, the ``file``, and whether it was ``fetched`` now.

    Raises
    ------
    UserError
        If it cannot be fetched, or is another file.
    """
    place = output / ADDRESS.rpartition("/")[2]
    with hold_lock(Location.of(output), run.id), closing(Transfer(run.config.download)) as transfer:
        fetched = not (place.exists() and file_sha1(place) == SHA1)
        if fetched:
            try:
                transfer.fetch(ADDRESS, place, SHA1)
            except TransferError as error:
                raise UserError(f"{ADDRESS} could not be fetched: {error}") from error
    return {"address": ADDRESS, "file": str(place), "fetched": fetched}
