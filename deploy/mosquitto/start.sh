#!/bin/sh
# Puts Topout's own account into the password file, from the environment, keeps
# the devices' accounts, and starts the broker.
set -eu
file=${PASSWORD_FILE:-/mosquitto/data/passwd}
[ -f "$file" ] || : > "$file"
chmod 0600 "$file"
mosquitto_passwd -b "$file" topout "$MQTT_PASSWORD"
[ "$(id -u)" != 0 ] || chown mosquitto:mosquitto "$file" "$(dirname "$file")" 2>/dev/null || true
exec mosquitto -c "${CONFIG_FILE:-/mosquitto/config/mosquitto.conf}"
