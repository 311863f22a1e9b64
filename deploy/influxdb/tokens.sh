#!/bin/bash
# Runs once, when InfluxDB is set up: a token that can only write for vdl_lora, one that can only read for Grafana,
# each in a volume that nobody else has, for the user that the reader's container runs as.
set -euo pipefail

# make RIGHT UID DESCRIPTION
make() {
  local file=/tokens/$1/token
  (
    umask 077
    influx auth create --org "$DOCKER_INFLUXDB_INIT_ORG" "--$1-bucket" "$DOCKER_INFLUXDB_INIT_BUCKET_ID" \
      --description "$3" --json | grep -o '"token": *"[^"]*"' | cut -d '"' -f 4 >"$file"
  )
  chown "$2" "$file" "/tokens/$1"
}

make write 10001 vdl_lora
make read 472 Grafana
