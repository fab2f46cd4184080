from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from galspec_spark.config import Config, check_setting, load_config
from galspec_spark.errors import ConfigError
from galspec_spark.ml.features.pca import Settings

CONF = Path(__file__).parents[1] / "conf"


def key_tree(content: Any) -> Any:
    """Return the keys of nested mappings, without their values."""
    return {k: key_tree(v) for k, v in content.items()} if isinstance(content, dict) else None


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def error_of(path: Path | None = None, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        load_config(path, overrides)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_default_yaml_spells_out_every_key_and_default():
    stated = yaml.safe_load((CONF / "default.yaml").read_text(encoding="utf-8"))
    assert load_config(CONF / "default.yaml") == load_config() == Config()
    assert key_tree(stated) == key_tree(Config().model_dump())


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.name)
def test_every_file_in_conf_is_valid(path):
    load_config(path)


def test_paper_yaml_is_the_papers_recipe():
    config = load_config(CONF / "paper.yaml")
    assert config.preprocess.sample == 10_000
    assert config.preprocess.test_fraction == 0.2
    assert (config.train.features, config.train.n_best) == ({"pca": Settings()}, 10)
    assert set(config.train.classifiers) == {"logistic_regression", "linear_svc", "random_forest"}
    assert config.train.classifiers["random_forest"].fixed["impurity"] == "entropy"


def test_a_file_changes_only_what_it_states(tmp_path):
    config = load_config(write(tmp_path, "preprocess:\n  folds: 3\n"))
    assert config.preprocess.folds == 3
    assert config.model_copy(update={"preprocess": Config().preprocess}) == Config()


@pytest.mark.parametrize("text", ["", "# nothing\n", "preprocess:\n  # folds: 3\n"])
def test_an_empty_file_or_section_keeps_the_defaults(tmp_path, text):
    assert load_config(write(tmp_path, text)) == Config()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("preproces: {}\n", "preproces: unknown key"),
        ("preprocess:\n  foldz: 3\n", "preprocess.foldz: unknown key"),
        ("preprocess:\n  folds: many\n", "preprocess.folds: Input should be a valid integer"),
        ("preprocess:\n  folds: 1\n", "preprocess.folds: Input should be greater"),
        ("preprocess:\n  z_min: .nan\n", "preprocess.z_min: Input should be a finite number"),
        ("preprocess:\n  z_min: 0.4\n", "preprocess: z_min 0.4 is not below z_max 0.35"),
        ("preprocess:\n  zwarning_reject: [STORM]\n", "unknown bit 'STORM'; known: SKY,"),
        (
            "preprocess:\n  label: {agn: [AGN], other: ['']}\n",
            "preprocess.label: agn, other: expected 2 to 8 classes, AGN among them",
        ),
        ("preprocess:\n  label: {AGN: [AGN]}\n", "AGN: expected 2 to 8 classes"),
        ("preprocess:\n  label: {AGN: [AGN], 'a|b': ['']}\n", "'a|b' is no name of a class"),
        ("preprocess:\n  label: {AGN: [AGN], Empty: ['']}\n", "'Empty' has another meaning"),
        ("preprocess:\n  label: {AGN: [AGN], a: [], A: []}\n", "two names differ in case alone"),
        ("preprocess:\n  zwarning_reject: [NOPLUG]\n", "unknown bit 'NOPLUG'; known: SKY,"),
        ("train:\n  features: {pca: {n_components: 5}}\n", "n_best 10 is more than the 5 features"),
        (
            "train:\n  classifiers: {svm: {}}\n",
            "train.classifiers.svm.[key]: unknown classifier 'svm'; known: logistic_regression, ",
        ),
        (
            "train:\n  prediction_set_level: 1\n",
            "train.prediction_set_level: Input should be less than 1",
        ),
        ("spark:\n  master: local\n", "spark.master"),
        ("spark:\n  spark.jars: [a, b]\n", "spark.spark.jars: expected a single value"),
        ("spark:\n  spark.spark.sql.ansi.enabled: 1\n", "write it as spark.sql.ansi.enabled"),
        ("spark:\n  'spark.x ': 1\n", "'spark.x ' is no name of a setting"),
        ("preprocess: [\n", "is not valid YAML"),
        (
            "lines: {}\nlines:\n",
            "line 2: the key 'lines' is there twice",
        ),
        ("train: {search: {max_fits: 3, max_fits: 4}}\n", "'max_fits' is there twice"),
        ("ingest: {release: 2026-99-99}\n", "is not valid YAML"),
        ("- preprocess\n", "found a list"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, text, expected):
    path = write(tmp_path, text)
    message = error_of(path)
    assert expected in message
    assert str(path) in message


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    assert "No such file" in error_of(tmp_path / "missing.yaml")
    assert "Is a directory" in error_of(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\xd8")
    assert "is not valid YAML" in error_of(binary)


def test_set_changes_one_value_and_wins_over_the_file(tmp_path):
    path = write(tmp_path, "preprocess:\n  folds: 3\n  seed: 7\n")
    config = load_config(path, ["preprocess.folds=4"])
    assert (config.preprocess.folds, config.preprocess.seed) == (4, 7)


def test_the_order_of_the_classes_means_nothing():
    words = {"b": ["B"], "AGN": ["AGN"], "a": [""]}
    one, other = (
        Config.model_validate({"preprocess": {"label": dict(items)}})
        for items in (words.items(), reversed(words.items()))
    )
    assert one == other
    assert one.hash() == other.hash()
    assert other.preprocess.label.classes.names == ("a", "b", "AGN")


def test_set_reads_its_value_as_yaml():
    config = load_config(
        overrides=["preprocess.sample=null", "preprocess.label.AGN=[AGN, QSO]", "simulate.like='7'"]
    )
    assert config.preprocess.sample is None
    assert config.preprocess.label.root["AGN"] == ("AGN", "QSO")
    assert config.simulate.like == "7"


def test_set_reaches_into_a_classifier_and_leaves_the_others():
    config = load_config(overrides=["train.classifiers.linear_svc.fixed.tol=1e-4"])
    default = Config().train.classifiers
    changed = config.train.classifiers
    assert changed["linear_svc"].fixed == {**default["linear_svc"].fixed, "tol": 1e-4}
    assert changed["linear_svc"].grid == default["linear_svc"].grid
    assert changed["random_forest"] == default["random_forest"]


def example_in_default_yaml(key: str) -> Any:
    """Return what the commented lines from a key on say without their marks."""
    lines = (CONF / "default.yaml").read_text(encoding="utf-8").splitlines()
    first = lines.index(f"    # {key}:")
    marked = takewhile(lambda line: line.startswith("    #"), lines[first:])
    return yaml.safe_load("\n".join(line.replace("# ", "", 1) for line in marked))


def test_a_classifier_without_a_value_has_its_own_settings(tmp_path):
    added = load_config(overrides=["train.classifiers.gbt=null"]).train.classifiers
    assert list(added) == [*Config().train.classifiers, "gbt"]
    example = Config.model_validate({"train": {"classifiers": example_in_default_yaml("gbt")}})
    assert example.train.classifiers == {"gbt": added["gbt"]}
    alone = load_config(write(tmp_path, "train:\n  classifiers:\n    gbt:\n"))
    assert alone.train.classifiers == {"gbt": added["gbt"]}
    stated = load_config(write(tmp_path, "train:\n  classifiers:\n    gbt: {}\n"))
    assert stated.train.classifiers["gbt"].grid == {}


def test_features_without_a_value_have_their_own_settings():
    given = ["train.features.autoencoder=null", "train.features.rbm=null"]
    added = load_config(overrides=given).train.features
    assert list(added) == [*Config().train.features, "autoencoder", "rbm"]
    example = example_in_default_yaml("autoencoder")
    assert example == {name: added[name].model_dump() for name in example}
    assert list(example) == ["autoencoder", "rbm"]


def test_set_takes_spark_settings_by_their_own_names():
    config = load_config(overrides=["spark.sql.shuffle.partitions=4", "spark.master=local[1]"])
    assert config.spark == {"spark.sql.shuffle.partitions": 4, "spark.master": "local[1]"}


def test_messages_do_not_repeat_values(tmp_path):
    path = write(tmp_path, "spark:\n  spark.x.password: [planted\n")
    for message in (error_of(path), error_of(None, "spark.x.password=[planted")):
        assert "planted" not in message


def test_options_win_over_assignments():
    value = check_setting("--release", "ingest.release", "2024")
    config = load_config(None, ["ingest.release=dr1"], {"ingest.release": value})
    assert config.ingest.release == "2024"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("folds=3", "expected section.key=value"),
        ("preprocess.folds", "expected section.key=value"),
        ("nonsense.key=1", "nonsense: unknown key"),
        ("preprocess.foldz=3", "preprocess.foldz: unknown key"),
        ("preprocess.folds=three", "preprocess.folds: Input should be a valid integer"),
        ("preprocess.folds=[", "not valid YAML"),
        ("preprocess.sample=", "preprocess.sample: the value is empty"),
        ("train.features={pca: {}, pca: {n_components: 30}}", "the key 'pca' is there twice"),
        ("spark.spark.sql.shuffle.partitions=4", "write it as spark.sql.shuffle.partitions"),
        ("preprocess.folds.first=3", "folds has no keys of its own"),
    ],
)
def test_a_wrong_set_is_one_clear_line(override, expected):
    message = error_of(None, override)
    assert expected in message
    assert "--set" in message


def test_the_hash_depends_on_values_alone(tmp_path):
    stated = load_config(write(tmp_path, "train: {seed: 1}\npreprocess: {folds: 5}\n"))
    assert stated.hash() == Config().hash()
    assert load_config(overrides=["train.seed=2"]).hash() != Config().hash()
    assert load_config(overrides=["spark.master=local[1]"]).hash() != Config().hash()
    assert load_config(overrides=["monitoring.on_failure=[mail]"]).hash() == Config().hash()
    assert len(Config().hash()) == 12
