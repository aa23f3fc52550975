/** Tags that signatures have by convention are a whole digest; its beginning is enough to show. */
export function shortTag(tag: string): string {
  return tag.replace(/^(sha\d+-[0-9a-f]{12})[0-9a-f]{20,}/, '$1…');
}
