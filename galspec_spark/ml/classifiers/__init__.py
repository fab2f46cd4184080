"""Registry of Spark's classifiers, one file each.

To add one, write a file that ends in a `ClassifierKind` and name it here.
"""

from galspec_spark.ml.classifiers import (
    gradient_boosted_trees,
    linear_svc,
    logistic_regression,
    random_forest,
    sign_of_margin,
)
from galspec_spark.ml.classifiers.kind import ClassifierKind

#: By name, simplest first: among equally good models the first is chosen.
CLASSIFIERS: dict[str, ClassifierKind] = {
    module.KIND.name: module.KIND
    for module in (
        sign_of_margin,
        logistic_regression,
        linear_svc,
        random_forest,
        gradient_boosted_trees,
    )
}
