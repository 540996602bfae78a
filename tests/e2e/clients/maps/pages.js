// The pages of a FeatureCollection, each of which links to the next.
export async function* pagesFrom(url) {
  while (url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(await response.text());
    const page = await response.json();
    yield page;
    url = page.links.find((link) => link.rel === "next")?.href;
  }
}
