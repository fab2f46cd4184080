"""Registry of the kinds of features, one file each.

To add one, write a file that ends in a `FeatureKind` and name it here.
"""

from galspec_spark.ml.features import autoencoder, formula, lines, pca, rbm
from galspec_spark.ml.features.kind import FeatureKind

#: By name, in the order of Table 1.
FEATURES: dict[str, FeatureKind] = {
    module.KIND.name: module.KIND for module in (pca, autoencoder, rbm, lines, formula)
}
