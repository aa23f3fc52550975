/** What keeps the pages up to date; not built yet. */
export function LiveUpdates() {
  return null;
}
