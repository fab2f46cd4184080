# Spark on one machine. Spark runs this file in bash at each start, be it by spark-submit or by Python,
# while SPARK_CONF_DIR names this folder: .venv/bin/activate does that, and the command galspec. "$*" is
# what spark-submit got; from galspec that is "pyspark-shell", the job's name and its options.
# Options of Java in SPARK_SUBMIT_OPTS give way to the user's own, which follow them.
# What the code itself relies on is in galspec_spark/harness/session.py.

# Without a locale (cron, containers), Java would turn letters of file names into question marks.
[ "$(locale charmap 2>/dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8

# A cluster has conf/cluster, and nothing of what follows.
case "$*" in
    *master[\ =]local*) ;;
    *master[\ =]*) return ;;
esac

# Nobody else on the network can connect, and the machine's name need not resolve.
SPARK_LOCAL_IP="${SPARK_LOCAL_IP:-127.0.0.1}"
SPARK_SUBMIT_OPTS="-Dspark.driver.host=127.0.0.1 -Dspark.driver.bindAddress=127.0.0.1 $SPARK_SUBMIT_OPTS"

# Progress is on the console. --conf spark.ui.enabled=true has Spark's web page at http://localhost:4040.
SPARK_SUBMIT_OPTS="-Dspark.ui.enabled=false $SPARK_SUBMIT_OPTS"

# A job of seconds ends before the work of Java's second compiler pays; a search of minutes does not.
if [[ "$*" == *@(demo.yaml|config[ =]demo)* || "$*" != *@(train.py|run.py|shell train|shell run)* ]]; then
    SPARK_SUBMIT_OPTS="-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m $SPARK_SUBMIT_OPTS"
    [[ "$* $SPARK_SUBMIT_OPTS" == *GC* ]] || SPARK_SUBMIT_OPTS="-XX:+UseParallelGC $SPARK_SUBMIT_OPTS"
fi

# The same sums on every machine: by Java's own BLAS, which does not complain that there is no other.
for library in blas lapack arpack; do
    SPARK_SUBMIT_OPTS="-Ddev.ludovic.netlib.$library.allowNative=false $SPARK_SUBMIT_OPTS"
done

# Java starts with classes that tools/setup.sh has put into an archive, made ready to use. Without one
# it only takes longer. It ignores, silently, one that does not fit its own build or Spark's jars.
if [ -f "$SPARK_HOME/jars.jsa" ]; then
    SPARK_SUBMIT_OPTS="'-XX:SharedArchiveFile=$SPARK_HOME/jars.jsa' -Xlog:cds*=off $SPARK_SUBMIT_OPTS"
fi

# Java takes no archive where its class path has a folder with files, and Spark puts SPARK_CONF_DIR
# there. So that becomes Spark's own, which does not exist, and Java is told where the log's settings are.
SPARK_SUBMIT_OPTS="'-Dlog4j2.configurationFile=$SPARK_CONF_DIR/log4j2.properties' $SPARK_SUBMIT_OPTS"
SPARK_CONF_DIR="$SPARK_HOME/conf"
