#!/bin/sh
# Reads settings from the files that Compose mounts as secrets, then becomes the command.
set -eu
for name in POSTGRES_PASSWORD READER_PASSWORD; do
    file=$(printenv "${name}_FILE" || true)
    if [ -n "$file" ]; then
        value=$(cat "$file")
        export "$name=$value"
    fi
done
exec "$@"
