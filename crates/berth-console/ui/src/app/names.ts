/** The lengths and shapes of names, as the API checks them. Linear patterns: SWR's own ones hang a browser. */

const ORGANIZATION = /^[a-z][a-z0-9]*(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether an organization may have this name. */
export function isOrganizationName(name: string): boolean {
  return name.length <= 64 && ORGANIZATION.test(name);
}

/** Whether an image may have this name, which may hold `/`. */
export function isImageName(name: string): boolean {
  return name.length <= 128 && name.split('/').every((part) => COMPONENT.test(part));
}

/** Whether a tag may have this name. */
export function isTagName(name: string): boolean {
  return TAG.test(name);
}
