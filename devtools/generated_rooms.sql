-- Rooms from number :first to :last of a seed. The first half of a room's SHA-256 and :mark at its end are its code, a
-- UUID of version 8 (RFC 9562, section 5.8). The second half is eight numbers below 65536, from which integer arithmetic
-- makes the rest: random() changes with Postgres' version and with the plan, transcendental functions with the machine.
WITH hashed AS (
    SELECT number, sha256(convert_to(:seed || ' ' || number, 'UTF8')) AS hash
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS number
), drawn AS (
    SELECT number,
           overlay(overlay(substr(encode(hash, 'hex'), 1, 20) PLACING '8' FROM 13) PLACING '8' FROM 17) || :mark AS code,
           CAST(get_byte(hash, 16) * 256 + get_byte(hash, 17) AS bigint) AS city,
           CAST(get_byte(hash, 18) * 256 + get_byte(hash, 19) AS bigint) AS north,
           CAST(get_byte(hash, 20) * 256 + get_byte(hash, 21) AS bigint) AS south,
           CAST(get_byte(hash, 22) * 256 + get_byte(hash, 23) AS bigint) AS east,
           CAST(get_byte(hash, 24) * 256 + get_byte(hash, 25) AS bigint) AS west,
           CAST(get_byte(hash, 26) * 256 + get_byte(hash, 27) AS bigint) AS width,
           get_byte(hash, 28) * 256 + get_byte(hash, 29) AS rate,
           get_byte(hash, 30) % 64 AS lack,
           get_byte(hash, 31) % 16 = 0 AS is_rural
    FROM hashed
), city AS (
    SELECT rank - 1 AS rank, north, east
    FROM unnest(CAST(:norths AS bigint[]), CAST(:easts AS bigint[])) WITH ORDINALITY AS city (north, east, rank)
), placed AS (
    -- Millionths of a degree. In a city the middle is denser than the rim; the country is anywhere but near the poles.
    SELECT drawn.number, code, rate, lack, city.rank,
           8 + 193 * (width * width * width / 65536) / 4294967296 AS size,
           CASE WHEN is_rural THEN drawn.north * 130000000 / 65536 - 60000000
                ELSE city.north + (drawn.north - south) * 200000 / 65536 END AS latitude,
           CASE WHEN is_rural THEN drawn.east * 360000000 / 65536 - 180000000
                ELSE city.east + (drawn.east - west) * 300000 / 65536 END AS longitude
    FROM drawn JOIN city ON city.rank = :cities * drawn.city * drawn.city / 4294967296
)
INSERT INTO room (code, size, price, latitude, longitude)
SELECT CAST(CAST(code AS uuid) AS text),
       size,
       CASE WHEN lack <> 0 THEN 10 + size * (30000 + rate + (:cities - rank) * 500) / 40000 END,
       CASE WHEN lack <> 1 THEN latitude / 1e6 END,
       CASE WHEN lack <> 1 THEN longitude / 1e6 END
FROM placed
ORDER BY number
