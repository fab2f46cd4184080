# Every target first sets up what it needs (tools/setup.sh), which is quick when all is in place.

# A folder of FITS spectra; without it, `make run`, `paper` and `bench` simulate a survey.
INPUT =
CONFIG = conf/default.yaml
# One folder for each target and input, so that simulated and real spectra never meet.
OUTPUT = output/$@$(if $(INPUT),$(subst /,-,$(abspath $(INPUT))))

# Everything here runs on this machine, in .venv, whatever other Spark the user has.
unexport PYTHONPATH SPARK_CONF_DIR HADOOP_CONF_DIR
activate = . .venv/bin/activate
galspec = @echo 'galspec $(1)' && $(activate) && galspec $(1)
submit = @echo 'spark-submit $(1)' && $(activate) && spark-submit $(1)

.PHONY: help setup developers run paper test faults lint docs bench realism gaps lines queue basis dist clean

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z ]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv, with the package, what it needs and Java; the other targets do this themselves
	@tools/setup.sh

developers: ## the same, and add what test, faults, lint, docs and bench need; they do this themselves
	@tools/setup.sh developers

run: CONFIG = $(if $(INPUT),conf/default.yaml,conf/demo.yaml)
run: ## simulate a small survey, or take INPUT=DIR, and go all the way to the report
paper: CONFIG = conf/paper.yaml
paper: ## the same with the paper's recipe and size
run paper: setup
	$(call galspec,run --config $(CONFIG) $(if $(INPUT),--input "$(INPUT)",--survey "$(OUTPUT)/survey") --warehouse "$(OUTPUT)/warehouse" --output "$(OUTPUT)")
	@echo "Report: $(OUTPUT)/report.html"

test: developers ## run all tests; ARGS="-k ingest" chooses some
	@$(activate) && pytest -n 2 $(ARGS)

faults: developers ## break a real cluster in many ways, kill jobs and damage files again and again
	@$(activate) && GALSPEC_FAULTS=all GALSPEC_KILLS=20 GALSPEC_MUTATIONS=2000 \
		pytest tests/cluster tests/test_kills.py tests/ingest/test_kill.py tests/harness/test_cli.py \
			tests/datasource/test_stream_kill.py tests/upkeep/test_compact.py \
			tests/ingest/test_corruption.py -s $(ARGS)

lint: developers ## check style and types
	@$(activate) && ruff check && ruff format --check && mypy

# With --quiet, mkdocs would count no warnings, and --strict would let broken links pass.
docs: developers ## build the site, in site/; a broken link is an error
	@$(activate) && NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict
	@echo "Site: site/index.html"

bench: developers ## time our ways beside the usual ones; ARGS="--only search" chooses some
	$(if $(INPUT),,$(call galspec,simulate --config $(CONFIG) --output "$(OUTPUT)/survey"))
	$(call submit,benchmarks/run.py --config $(CONFIG) --input "$(or $(INPUT),$(OUTPUT)/survey)" --output "$(OUTPUT)" $(ARGS))

realism: setup ## compare the simulated survey with the real spectra in INPUT=DIR
	$(if $(INPUT),,$(error make realism needs INPUT=DIR, a folder of real spectra))
	$(call submit,studies/realism/run.py --config $(CONFIG) --real "$(INPUT)" --output "$(OUTPUT)")

gaps: setup ## show what gaps in the spectra in INPUT=DIR do to components and scores
	$(if $(INPUT),,$(error make gaps needs INPUT=DIR, a folder of real spectra))
	$(call galspec,ingest --config $(CONFIG) --input "$(INPUT)" --warehouse "$(OUTPUT)/warehouse")
	$(call galspec,preprocess --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse")
	$(call submit,studies/gaps/run.py --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse" --output "$(OUTPUT)")

lines: setup ## measure the lines of the spectra in INPUT=DIR, with TEMPLATES=FILE, and draw fits
	$(if $(and $(INPUT),$(TEMPLATES)),,$(error make lines needs INPUT=DIR and TEMPLATES=FILE, SDSS's spEigenElodie.fits))
	$(call galspec,ingest --config $(CONFIG) --input "$(INPUT)" --warehouse "$(OUTPUT)/warehouse")
	$(call galspec,measure --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse" --set lines.templates="$(TEMPLATES)")
	$(call submit,studies/lines/run.py --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse" --output "$(OUTPUT)" --set lines.templates="$(TEMPLATES)")

queue: setup ## simulate how many labels the inspection queue saves, on spectra in INPUT=DIR
	$(if $(INPUT),,$(error make queue needs INPUT=DIR, a folder of labelled spectra))
	$(call galspec,ingest --config $(CONFIG) --input "$(INPUT)" --warehouse "$(OUTPUT)/warehouse")
	$(call galspec,preprocess --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse")
	$(call galspec,measure --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse" $(ARGS))
	$(call submit,studies/queue/run.py --config $(CONFIG) --warehouse "$(OUTPUT)/warehouse" --output "$(OUTPUT)")

basis: setup ## learn a basis of continua from the SDSS spectra in INPUT=DIR and MASTAR=DIR, spectra of stars
	$(if $(and $(INPUT),$(MASTAR)),,$(error make basis needs INPUT=DIR, SDSS spec files, and MASTAR=DIR, spectra of stars))
	$(call submit,studies/basis/run.py --config $(CONFIG) --input "$(INPUT)" --stars "$(MASTAR)" --output "$(OUTPUT)" $(ARGS))

dist: setup ## build a wheel for pip, and the same as a zip for spark-submit --py-files
	@rm -rf build/lib build/bdist.* dist
	@$(activate) && pip --quiet --disable-pip-version-check wheel --no-deps --wheel-dir dist .
	@for wheel in dist/*.whl; do cp "$$wheel" "$${wheel%-py3-none-any.whl}.zip"; done
	@ls dist/*

clean: ## remove .venv, caches and builds; results in output/ stay
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache spark-warehouse
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
