import { bytes, count } from '../../app/format';
import type { SettingsWords } from './texts';

type Names = SettingsWords['storage']['figures'];

/** What a run of upkeep tells of itself, in words. Each kind tells other things; what has no word is left out. */
export function figures(told: unknown, names: Names): string[] {
  if (typeof told !== 'object' || told === null) return [];
  const facts = told as Record<string, unknown>;
  const error = facts['error'];
  if (typeof error === 'string') return [error];
  const words: string[] = [];
  for (const [key, name] of Object.entries(names)) {
    const value = facts[key];
    if (typeof value === 'string' && key === 'snapshot') words.push(`${name} ${value}`);
    if (typeof value !== 'number') continue;
    if (key === 'bytes') words.push(bytes(value));
    else if (key === 'bytes_left') words.push(`${bytes(value)} ${name}`);
    else if (value > 0 || key === 'damaged') words.push(`${count(value)} ${name}`);
  }
  return words;
}
