// Uses the types that openapi-typescript generates, with openapi-fetch, as their users would; prints what it was
// answered as JSON.
import createClient from "openapi-fetch";
import type { paths } from "./types.ts";

declare const process: { argv: string[] };

const client = createClient<paths, "application/json" | "application/problem+json">({ baseUrl: process.argv[2] });

const first = await client.GET("/rooms", { params: { query: { limit: 2, count: "exact" } } });
const next = new URL(first.response.headers.get("link")!.match(/<(.*)>/)![1]);
const cursor = next.searchParams.get("cursor")!;
const second = await client.GET("/rooms", { params: { query: { limit: 2, count: "exact", cursor } } });
const near = await client.GET("/rooms", { params: { query: { near: [53.5, 10.0], sort: ["distance"], limit: 2 } } });
const cheap = await client.GET("/rooms", {
  params: { query: { filter_price__lt: 22, filter_size__in: [11, 12], sort: ["-price", "size"] } },
});
const one = await client.GET("/rooms/{code}", { params: { path: { code: "code-1" } } });
const missing = await client.GET("/rooms/{code}", { params: { path: { code: "nobody-s" } } });
const invalid = await client.GET("/rooms", { params: { query: { limit: 0 } } });
const collection = await createClient<paths, "application/geo+json">({ baseUrl: process.argv[2] }).GET("/rooms", {
  params: { query: { limit: 2 } },
  headers: { Accept: "application/geo+json" },
});
const links: { rel: string; type: string; href: string }[] = collection.data!.links;

console.log(
  JSON.stringify({
    count: first.response.headers.get("x-total-count"),
    first: first.data!.map((room) => room.code),
    second: second.data!.map((room) => room.code),
    near: near.data!.map((room) => [room.code, room.distance_m]),
    cheap: cheap.data!.map((room) => room.code),
    one: one.data!,
    missing: [missing.error!.status, missing.error!.type],
    invalid: [invalid.error!.status, invalid.error!.errors![0].name],
    links: links.map((link) => link.rel),
  }),
);
