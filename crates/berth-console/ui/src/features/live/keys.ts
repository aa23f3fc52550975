import type { QueryKey } from '@tanstack/react-query';
import type { components } from '../../api/schema';

/** A change as it is told. */
export type LiveEvent = components['schemas']['LiveEvent'];

/** Which queries a change makes old, by the beginnings of their keys; `null` for all of them. */
export function keysOf(event: LiveEvent): QueryKey[] | null {
  const { kind, namespace: org, repository: image } = event;
  const ofImage = (key: string, ...rest: string[]): QueryKey[] => (org && image ? [[key, org, image, ...rest]] : []);
  const ofPlace: QueryKey[] = image ? ofImage('image') : org ? [['organization', org]] : [];
  const ofOrganization: QueryKey[] = org ? [['organizations'], ['organization', org]] : [['organizations']];
  switch (kind) {
    case 'organization':
      return [...ofOrganization, ['dashboard']];
    case 'image':
      return [['images'], ...ofImage('image'), ...ofOrganization, ['center'], ['bin'], ['dashboard']];
    case 'tag':
      return [
        ...ofImage('tags'),
        ...ofImage('tag', event.name ?? ''),
        // A rule may have begun something.
        ...ofImage('lazy'),
        ...ofImage('preheats'),
        ...ofImage('image'),
        ['images'],
        ...ofOrganization,
        ...(event.action === 'moved' ? [] : [['bin']]),
        ['dashboard'],
      ];
    case 'accessory':
      return [...ofImage('tag'), ...ofImage('tags'), ...ofImage('lazy')];
    case 'bin':
      return [['bin']];
    case 'rights':
      // Without a place, one's own: anything may be there, or gone.
      return org ? [...ofPlace, ...ofOrganization] : null;
    case 'share':
      return [['shares'], ['images'], ...ofPlace, ['dashboard']];
    case 'settings':
      return [[event.name ?? 'settings'], ...ofPlace];
    case 'quota':
      return [['quotas'], ...ofPlace, ['dashboard']];
    case 'trigger_run':
    case 'delivery':
      return [['triggers'], ...ofPlace, ['dashboard']];
    case 'copy':
      return [['sync'], ...ofPlace, ['dashboard']];
    case 'retention_run':
      return [['retention'], ...ofPlace, ['dashboard']];
    case 'maintenance_run':
    case 'damage':
      return [['maintenance'], ['dashboard']];
    case 'people':
      return [['users'], ['user'], ['groups'], ['group'], ['keys'], ['logins'], ['dashboard']];
    case 'registration':
      return [['clusters'], ['regions'], ['mirrors'], ['dashboard']];
    default:
      // Of a later version: what is not known changes nothing here.
      return [];
  }
}
