BEGIN;

SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL statement_timeout = 0;

SET LOCAL idle_in_transaction_session_timeout = '60s';

SET LOCAL client_connection_check_interval = '1s';

SELECT pg_advisory_xact_lock(5726011904);

SET LOCAL lock_timeout = '5s';

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 4d4c19952a36

CREATE TABLE room (
    id SERIAL NOT NULL, 
    code VARCHAR(36) NOT NULL, 
    size INTEGER, 
    price INTEGER, 
    longitude DOUBLE PRECISION, 
    latitude DOUBLE PRECISION, 
    PRIMARY KEY (id)
);

INSERT INTO alembic_version (version_num) VALUES ('4d4c19952a36') RETURNING alembic_version.version_num;

-- Running upgrade 4d4c19952a36 -> 8c1f0e6a2b57

CREATE UNIQUE INDEX room_code_key ON room (code);

CREATE INDEX room_price_id_idx ON room (price, id);

UPDATE alembic_version SET version_num='8c1f0e6a2b57' WHERE alembic_version.version_num = '4d4c19952a36';

-- Running upgrade 8c1f0e6a2b57 -> c3a91f6d2e80

CREATE EXTENSION IF NOT EXISTS cube;

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE OR REPLACE FUNCTION room_place(latitude double precision, longitude double precision) RETURNS cube
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180 THEN cube(ARRAY[
    cos(radians(latitude + 360)) * cos(radians(longitude + 360)),
    cos(radians(latitude + 360)) * sin(radians(longitude + 360)),
    sin(radians(latitude + 360))
]) END;

CREATE OR REPLACE FUNCTION room_strip(latitude double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN latitude BETWEEN -90 AND 90 THEN round(latitude * 100) END;

CREATE INDEX room_price_key_id_idx ON room (COALESCE(price, 2147483648), id);

ALTER INDEX room_price_key_id_idx ALTER COLUMN 1 SET STATISTICS 1000;

CREATE INDEX room_size_key_id_idx ON room (COALESCE(size, 2147483648), id);

ALTER INDEX room_size_key_id_idx ALTER COLUMN 1 SET STATISTICS 1000;

CREATE INDEX room_place_idx ON room USING gist (room_strip(latitude), room_place(latitude, longitude));

ANALYZE room;

UPDATE alembic_version SET version_num='c3a91f6d2e80' WHERE alembic_version.version_num = '8c1f0e6a2b57';

-- Running upgrade c3a91f6d2e80 -> e7a45c90d1b6

DO $$
BEGIN
    CREATE ROLE rentomatic_reader NOLOGIN CONNECTION LIMIT 50;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
    NULL; -- it is there; or another database makes it now; or an administrator has to
END
$$;

DO $$
BEGIN
    IF to_regrole('rentomatic_reader') IS NOT NULL THEN
        GRANT SELECT ON room, alembic_version TO rentomatic_reader;
        -- PUBLIC's by default, and often revoked; who may not grant them is warned by Postgres, and goes on
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO rentomatic_reader', current_database());
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO rentomatic_reader', current_schema());
    END IF;
END
$$;

DO $$
DECLARE
    name text;
    value text;
BEGIN
    FOR name, value IN VALUES
        ('statement_timeout', '8s'),
        ('idle_in_transaction_session_timeout', '8s'),
        ('idle_session_timeout', '10min'),
        ('default_transaction_read_only', 'on')
    LOOP
        IF EXISTS (
            SELECT FROM pg_roles WHERE rolname = 'rentomatic_reader'
            AND NOT EXISTS (SELECT FROM unnest(rolconfig) AS own WHERE starts_with(own, name || '='))
        ) THEN
            EXECUTE 'ALTER ROLE rentomatic_reader SET ' || name || ' = ' || quote_literal(value);
        END IF;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- the doctor says what is missing
END
$$;

UPDATE alembic_version SET version_num='e7a45c90d1b6' WHERE alembic_version.version_num = 'c3a91f6d2e80';

-- Running upgrade e7a45c90d1b6 -> b7d20f83a9e4

CREATE INDEX IF NOT EXISTS room_price_desc_key_id_idx ON room (COALESCE(price, -2147483649), id);

ALTER INDEX room_price_desc_key_id_idx ALTER COLUMN 1 SET STATISTICS 1000;

CREATE INDEX IF NOT EXISTS room_size_desc_key_id_idx ON room (COALESCE(size, -2147483649), id);

ALTER INDEX room_size_desc_key_id_idx ALTER COLUMN 1 SET STATISTICS 1000;

ANALYZE room;

UPDATE alembic_version SET version_num='b7d20f83a9e4' WHERE alembic_version.version_num = 'e7a45c90d1b6';

COMMIT;

