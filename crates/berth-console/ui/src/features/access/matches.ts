/** Whether a filter that somebody types finds one of the texts. */
export function matches(filter: string, ...texts: string[]): boolean {
  const wanted = filter.trim().toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(wanted));
}
