/** A file, folder or link of an archive. */
export interface TarEntry {
  path: string;
  content?: string | Buffer;
  /** Where a symbolic link leads. */
  link?: string;
  mode?: number;
}

/** A ustar archive (POSIX.1-1988) of these entries. */
export function tar(entries: TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? '');
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
    return [header(entry, content.length), content, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) => block.write(value.toString(8).padStart(length - 1, '0'), at, 'ascii');
  const kind = entry.link === undefined ? (entry.path.endsWith('/') ? '5' : '0') : '2';
  block.write(entry.path, 0, 100, 'utf8');
  octal(entry.mode ?? (kind === '5' ? 0o755 : 0o644), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(1_700_000_000, 136, 12);
  block.write('        ', 148, 'ascii');
  block.write(kind, 156, 'ascii');
  block.write(entry.link ?? '', 157, 100, 'utf8');
  block.write('ustar\u000000', 257, 'ascii');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'ascii');
  return block;
}
