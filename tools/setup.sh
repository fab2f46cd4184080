#!/usr/bin/env bash
# Makes .venv: a Python environment with the package and all that it needs, told which Java to use, and
# with an archive of Spark's classes for a fast start. "tools/setup.sh developers" adds what tests, lint
# and benchmarks need. Does nothing when all is in place. PYTHON=/path/to/python3 chooses the interpreter,
# GALSPEC_SPARK=4.0 a version of Spark other than the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

log=build/setup.log

main() {
    local fingerprint
    # What .venv depends on: the packages, these scripts, the folder it stands in, and the version.
    fingerprint="$(cat pyproject.toml tools/*.* | cksum) $PWD ${GALSPEC_SPARK:-}"
    mkdir -p build
    is_ready "$fingerprint" || set_up "$fingerprint"
    [ "${1:-}" != developers ] || has_developers "$fingerprint" || add_developers "$fingerprint"
    (activate && { has_archive || make_archive; })
}

set_up() {
    local python java
    : >"$log"
    say "Setting up (only the first time, a few minutes; everything is in $log)"
    python=$(find_python)
    java=$(find_java || install_java)
    say "  $("$python" --version) at $python, Java at $java"
    make_environment "$python"
    complete_activate "$java"
    echo "$1" >.venv/ready # last, so that a set-up that was cut short starts afresh
    say "Set-up done"
}

add_developers() {
    say "Adding the developers' packages (only the first time)"
    install_packages --group dev
    echo "$1" >.venv/developers
    say "Developers' packages added"
}

is_ready() {
    [ "$(cat .venv/ready 2>/dev/null)" = "$1" ] &&
        (. .venv/bin/activate && python -c '' && [ -x "$JAVA_HOME/bin/java" ]) 2>/dev/null
}

has_developers() {
    [ "$(cat .venv/developers 2>/dev/null)" = "$1" ]
}

# --- Python ---

find_python() { # prints the path of a Python that can make the environment
    local name path incomplete= package
    for name in "${PYTHON:-python3}" python3.12 python3.13 python3.11 python3.14; do
        path=$("$name" -c 'import sys; print(sys.executable) if sys.version_info >= (3, 11) else sys.exit(1)' \
            2>/dev/null) || continue
        if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$path"
            return
        fi
        incomplete=${incomplete:-$path}
    done
    [ -n "$incomplete" ] ||
        fail "no Python 3.11 or newer found: install one, or name it with PYTHON=/path/to/python3"
    # Debian and Ubuntu keep a part of the standard library in another package.
    package=$("$incomplete" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    install_package "$package" && echo "$incomplete" && return
    fail "$incomplete cannot make environments: install its venv module (Debian: sudo apt-get install $package)"
}

make_environment() {
    "$1" -m venv --clear .venv
    pip_install --upgrade 'pip>=25.1' # the first that reads the dependency group dev
    install_packages
    .venv/bin/python -W ignore tools/compile_pyspark.py
}

install_packages() {
    # compat: a path, not an import hook, so that Spark finds the data source by its name
    pip_install "$@" --config-settings editable_mode=compat --editable . \
        ${GALSPEC_SPARK:+"pyspark==$GALSPEC_SPARK.*"}
}

pip_install() {
    .venv/bin/python -m pip --disable-pip-version-check install "$@" 2>&1 | logged ||
        fail "pip: $(grep -i '^ *error' "$log" | tail -1) (all its output: $log)"
}

# --- Java ---

find_java() { # prints the JAVA_HOME of a Java that Spark can use
    local home
    while read -r home; do
        case $(java_version "$home") in 17 | 21) echo "$home" && return ;; esac
    done < <(java_homes)
    return 1
}

java_homes() { # prints where a Java may be, the user's own choice first
    [ -z "${JAVA_HOME:-}" ] || echo "$JAVA_HOME"
    java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.home = //p'
    ls -d /usr/lib/jvm/* /opt/java/* ~/.sdkman/candidates/java/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home \
        ~/Library/Java/JavaVirtualMachines/*/Contents/Home \
        /opt/homebrew/opt/openjdk@* /usr/local/opt/openjdk@* 2>/dev/null
}

java_version() { # 17 of 'openjdk version "17.0.15" 2025-04-15'; Spark needs the module as well
    "$1/bin/java" --add-modules jdk.incubator.vector -version 2>&1 |
        sed -n 's/.* version "\([0-9]*\).*/\1/p'
}

install_java() {
    say "  no Java 17 or 21 found: trying the system's packages"
    install_package openjdk-17-jre-headless openjdk-21-jre-headless \
        java-21-openjdk-headless java-17-openjdk-headless openjdk@21 && find_java && return
    fail "Spark needs Java 17 or 21: install one (Debian: sudo apt-get install openjdk-17-jre-headless;" \
        "Fedora: sudo dnf install java-21-openjdk-headless; macOS: brew install openjdk@21) or set JAVA_HOME"
}

# --- An archive of classes, as Java has them after reading ---

has_archive() { # of this Java and these jars; or the note that Java could not make one
    [ "$("$JAVA_HOME/bin/java" -version 2>&1)" = "$(cat "$archive.made-by" 2>/dev/null)" ] &&
        [ -z "$(find "$jars" -newer "$archive.made-by")" ]
}

make_archive() {
    say "Preparing a fast start of Spark (again when Java or Spark change)"
    rm -f "$archive"
    # A part of an archive would crash Java, so it gets its name when it is whole.
    if spark-submit --driver-java-options "'-XX:ArchiveClassesAtExit=$archive.part'" \
        tools/warm_up.py >>"$log" 2>&1 && [ -s "$archive.part" ]; then
        mv "$archive.part" "$archive"
    else
        rm -f "$archive.part"
        say "  this Java cannot: Spark starts more slowly (the reason is in $log)"
    fi
    "$JAVA_HOME/bin/java" -version 2>"$archive.made-by"
}

# --- The system's packages ---

install_package() { # installs the first of the names that this system has, if it may without asking
    local name install sudo=
    [ "$(id -u)" = 0 ] || sudo="sudo -n"
    if command -v apt-get; then
        install="$sudo apt-get install --yes --no-install-recommends"
        $sudo apt-get update
    elif command -v dnf; then
        install="$sudo dnf install --assumeyes"
    elif command -v zypper; then
        install="$sudo zypper --non-interactive install"
    elif command -v brew; then
        install="brew install"
    else
        return 1
    fi >>"$log" 2>&1 </dev/null || return 1
    for name in "$@"; do
        DEBIAN_FRONTEND=noninteractive $install "$name" >>"$log" 2>&1 </dev/null && say "  installed $name" && return
    done
    return 1
}

# --- The environment's own settings ---

activate() { # and leave out whatever of the user's would be on Java's class path
    unset SPARK_CONF_DIR HADOOP_CONF_DIR YARN_CONF_DIR SPARK_DIST_CLASSPATH SPARK_SUBMIT_OPTS PYTHONPATH
    . .venv/bin/activate
    jars=$(echo "$PWD"/.venv/lib/python3*/site-packages/pyspark/jars)
    archive=$jars.jsa
}

complete_activate() {
    cat >>.venv/bin/activate <<END

# galspec_spark: what spark-submit finds and uses in this environment
unset SPARK_HOME PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON
export JAVA_HOME='$1'
export SPARK_CONF_DIR="\${SPARK_CONF_DIR:-$PWD/conf}"
export SPARK_DRIVER_MEMORY="\${SPARK_DRIVER_MEMORY:-$(.venv/bin/python -m galspec_spark.harness.java)g}"
END
}

# --- Messages ---

logged() { # keeps what a command prints in the log, and shows its slow steps
    local line
    while IFS= read -r line; do
        echo "$line" >>"$log"
        case $line in *Downloading*MB\)* | *"Building wheel"*started | Installing*) say "  ${line:0:90}" ;; esac
    done
}

say() { echo "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

main "$@"
