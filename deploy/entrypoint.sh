#!/usr/bin/env bash
# Entry point of the container: Spark on Kubernetes calls "driver ..." or "executor ...", with the
# details in environment variables. Any other command runs unchanged.
set -euo pipefail

case "${1:-}" in
driver)
    shift
    set -- spark-submit --deploy-mode client --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" "$@"
    ;;
executor)
    # Java's options come as SPARK_JAVA_OPT_0, SPARK_JAVA_OPT_1, ...
    options=()
    for ((i = 0; ; i++)); do
        name="SPARK_JAVA_OPT_$i"
        [ -n "${!name+set}" ] || break
        options+=("${!name}")
    done
    set -- java "${options[@]}" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" \
        -cp "${SPARK_CONF_DIR:-}:$SPARK_HOME/jars/*" \
        org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
        --driver-url "$SPARK_DRIVER_URL" \
        --executor-id "$SPARK_EXECUTOR_ID" \
        --cores "$SPARK_EXECUTOR_CORES" \
        --app-id "$SPARK_APPLICATION_ID" \
        --hostname "$SPARK_EXECUTOR_POD_IP" \
        --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" \
        --podName "$SPARK_EXECUTOR_POD_NAME"
    ;;
esac
exec tini -s -- "$@"
