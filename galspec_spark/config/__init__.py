"""The configuration: one typed model for each stage, read from YAML."""

from galspec_spark.config.load import CONF, SHIPPED, check_setting, load_config
from galspec_spark.config.monitoring import MonitoringConfig
from galspec_spark.config.sections import (
    ChangesConfig,
    ClassifyConfig,
    Config,
    DownloadConfig,
    DriftConfig,
    IngestConfig,
    LabelConfig,
    LinesConfig,
    PreprocessConfig,
    SimulateConfig,
)
from galspec_spark.config.training import (
    ClassifierConfig,
    ClassifierName,
    SearchConfig,
    TrainConfig,
)

__all__ = [
    "CONF",
    "SHIPPED",
    "ChangesConfig",
    "ClassifierConfig",
    "ClassifierName",
    "ClassifyConfig",
    "Config",
    "DownloadConfig",
    "DriftConfig",
    "IngestConfig",
    "LabelConfig",
    "LinesConfig",
    "MonitoringConfig",
    "PreprocessConfig",
    "SearchConfig",
    "SimulateConfig",
    "TrainConfig",
    "check_setting",
    "load_config",
]
