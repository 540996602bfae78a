# Postgres runs this once, when it creates the database and listens on its Unix socket only.
psql --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
    --set user="$POSTGRES_USER" --set password="$(cat /run/secrets/owner_password)" <<'SQL'
ALTER ROLE :"user" PASSWORD :'password';
SQL
