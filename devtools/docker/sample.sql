\set rooms `cat /docker-entrypoint-initdb.d/sample_rooms.json`
INSERT INTO room (code, size, price, longitude, latitude)
SELECT code, size, price, longitude, latitude
FROM json_populate_recordset(NULL::room, :'rooms'::json);
