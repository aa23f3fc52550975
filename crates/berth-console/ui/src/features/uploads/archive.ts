/** What a file of saved images holds, read in the browser from a few slices of it: names and layers before a byte is sent. */

const BLOCK = 512;
/** Read at once: the headers of small entries lie near one another. */
const WINDOW = 64 * 1024;
/** A document that is larger is left to the server. */
const DOCUMENT_MAX = 4 * 1024 * 1024;
/** Entries that are looked at; an archive of ten images has a few thousand. */
const ENTRIES_MAX = 20_000;
const REF_NAME = 'org.opencontainers.image.ref.name';
const IMAGE_NAME = 'io.containerd.image.name';

/** What was found. Of a gzipped file nothing is known before the server unpacks it. */
export interface Contents {
  kind: 'images' | 'gzip' | 'unknown' | 'broken';
  /** What the file calls its images. */
  references: string[];
  images: number;
  /** Layers of all images; 0 when they were not counted. */
  layers: number;
}

interface Place {
  offset: number;
  size: number;
}

const nothing = (kind: Contents['kind']): Contents => ({ kind, references: [], images: 0, layers: 0 });

/** Reads the headers of a file. Never throws for what is in it. */
export async function readArchive(file: Blob): Promise<Contents> {
  const reader = new Reader(file);
  const first = await reader.at(0, 2);
  if (first[0] === 0x1f && first[1] === 0x8b) return nothing('gzip');
  const places = await entries(reader, file.size);
  if (places === null) return nothing('broken');
  const index = await reader.json(places.get('index.json'));
  if (index !== undefined) return ofLayout(reader, places, index);
  const manifest = await reader.json(places.get('manifest.json'));
  return Array.isArray(manifest) ? ofDocker(manifest) : nothing('broken');
}

/** By which a file is known again after a reload: a hash of its first bytes. It need not be safe, only the same. */
export async function fingerprint(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.slice(0, WINDOW).arrayBuffer());
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
  }
  const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
  return `b${hex(a)}${hex(b)}`;
}

class Reader {
  private window = new Uint8Array();
  private begin = 0;

  constructor(private readonly file: Blob) {}

  /** So many bytes from there on; fewer at the end. */
  async at(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.begin || offset + length > this.begin + this.window.length) {
      this.begin = offset;
      this.window = new Uint8Array(await this.file.slice(offset, offset + Math.max(length, WINDOW)).arrayBuffer());
    }
    return this.window.subarray(offset - this.begin, offset - this.begin + length);
  }

  async json(place: Place | undefined): Promise<unknown> {
    if (place === undefined || place.size > DOCUMENT_MAX) return undefined;
    try {
      return JSON.parse(await this.file.slice(place.offset, place.offset + place.size).text()) as unknown;
    } catch {
      return undefined;
    }
  }
}

/** Where the files of a tar archive are; null when it is none. */
async function entries(reader: Reader, size: number): Promise<Map<string, Place> | null> {
  const places = new Map<string, Place>();
  let offset = 0;
  let longName: string | null = null;
  let longSize: number | null = null;
  for (let count = 0; offset + BLOCK <= size && count < ENTRIES_MAX; count += 1) {
    const header = await reader.at(offset, BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if (!isHeader(header)) return null;
    const type = String.fromCharCode(header[156] ?? 0);
    const bytes = longSize ?? number(header.subarray(124, 136));
    const body = offset + BLOCK;
    if (type === 'L' || type === 'x') {
      const said = text(await reader.at(body, Math.min(bytes, DOCUMENT_MAX)));
      if (type === 'L') longName = said;
      else {
        longName = attribute(said, 'path') ?? longName;
        const told = attribute(said, 'size');
        longSize = told === null ? null : Number(told);
      }
    } else {
      const name = longName ?? nameOf(header);
      if (type === '0' || type === '\0' || type === '7') places.set(name.replace(/^\.\//, ''), { offset: body, size: bytes });
      longName = null;
      longSize = null;
    }
    offset = body + Math.ceil(bytes / BLOCK) * BLOCK;
  }
  return places;
}

function isHeader(header: Uint8Array): boolean {
  let sum = 0;
  header.forEach((byte, at) => {
    sum += at >= 148 && at < 156 ? 32 : byte;
  });
  return sum === number(header.subarray(148, 156));
}

/** An octal number, or one of base 256 as GNU writes large ones. */
function number(field: Uint8Array): number {
  if (((field[0] ?? 0) & 0x80) !== 0) return field.slice(1).reduce((sum, byte) => sum * 256 + byte, 0);
  return Number.parseInt(text(field).trim() || '0', 8);
}

function nameOf(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const prefix = text(header.subarray(257, 262)) === 'ustar' && header[262] === 0 ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A line `LENGTH key=value` of the attributes before an entry. */
function attribute(lines: string, key: string): string | null {
  const found = new RegExp(`(?:^|\\n)\\d+ ${key}=([^\\n]*)`).exec(lines);
  return found?.[1] ?? null;
}

function ofDocker(manifest: unknown[]): Contents {
  const images = manifest.map(record);
  const tags = images.flatMap((image) => list(image['RepoTags']));
  return {
    kind: 'images',
    references: tags.filter((tag): tag is string => typeof tag === 'string' && !tag.includes('<none>')),
    images: images.length,
    layers: images.reduce((sum, image) => sum + list(image['Layers']).length, 0),
  };
}

async function ofLayout(reader: Reader, places: Map<string, Place>, index: unknown): Promise<Contents> {
  const found = list(record(index)['manifests']).map(record);
  const names = found.map((entry) => {
    const notes = record(entry['annotations']);
    return notes[IMAGE_NAME] ?? notes[REF_NAME];
  });
  let layers = 0;
  for (const digest of new Set(found.map((entry) => String(entry['digest'])))) {
    layers += await layersOf(reader, places, digest, 0);
  }
  return {
    kind: 'images',
    references: names.filter((name): name is string => typeof name === 'string'),
    images: new Set(found.map((entry) => entry['digest'])).size,
    layers,
  };
}

async function layersOf(reader: Reader, places: Map<string, Place>, digest: string, depth: number): Promise<number> {
  const manifest = record(await reader.json(places.get(`blobs/${digest.replace(':', '/')}`)));
  if (depth > 3) return 0;
  let layers = list(manifest['layers']).length;
  for (const child of list(manifest['manifests']).map(record)) {
    layers += await layersOf(reader, places, String(child['digest']), depth + 1);
  }
  return layers;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
