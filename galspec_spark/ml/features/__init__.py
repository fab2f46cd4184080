"""Registry of the kinds of features, one file each.

To add one, write a file that ends in a `FeatureKind` and name it here.
"""

from galspec_spark.ml.features import pca
from galspec_spark.ml.features.kind import FeatureKind

#: By name.
FEATURES: dict[str, FeatureKind] = {module.KIND.name: module.KIND for module in (pca,)}
