BEGIN;

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

COMMIT;

