# What the pod of the bundled database runs: makes the tables' folder if it is empty, takes the password of the
# Secret over, and becomes the server. For any image with PostgreSQL where Debian puts it.
set -eu
programs=$(echo /usr/lib/postgresql/*/bin)

if [ ! -e "$PGDATA" ]; then
  # Under another name until it is whole: what a kill leaves of it is made again.
  rm -rf "$PGDATA.new"
  "$programs/initdb" --pgdata="$PGDATA.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --data-checksums --auth-local=peer --auth-host=scram-sha-256
  echo "host orderflow orderflow all scram-sha-256" >>"$PGDATA.new/pg_hba.conf"
  printf '%s\n' "CREATE ROLE orderflow LOGIN" "CREATE DATABASE orderflow OWNER orderflow" |
    "$programs/postgres" --single -D "$PGDATA.new" postgres >/dev/null
  mv "$PGDATA.new" "$PGDATA"
fi
# The group of the volume may have been given rights that PostgreSQL does not accept.
chmod 0700 "$PGDATA"

password=$(sed "s/'/''/g" "$PASSWORD_FILE")
# As a child of this shell it knows the lock of a server that was killed for an old one.
"$programs/postgres" --single -D "$PGDATA" postgres >/dev/null <<SQL
ALTER ROLE orderflow PASSWORD '$password'
SQL

exec "$programs/postgres" -D "$PGDATA" -c "listen_addresses=${LISTEN_ADDRESSES:-*}" \
  -c "unix_socket_directories=${TMPDIR:-/tmp}"
