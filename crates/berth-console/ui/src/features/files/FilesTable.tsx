import { Badge, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { FileIcon, Files, FileSymlink, Folder, FolderOpen, FolderX, HardDrive, type LucideIcon } from 'lucide-react';
import { bytes } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { useMarkerRows } from '../../components/rows';
import { found, imageQuery, type ImageFile, keyOf, type Place, readFiles } from './content';
import type { Shown } from './FilesView';
import { LayerBadge } from './LayerBadge';
import { filesTexts, type FilesWords } from './texts';

const ICONS: Record<ImageFile['kind'], LucideIcon> = {
  file: FileIcon,
  directory: Folder,
  symlink: FileSymlink,
  hardlink: Files,
  character_device: HardDrive,
  block_device: HardDrive,
  fifo: HardDrive,
  whiteout: FolderX,
};

/** The columns beside a preview. */
const NARROW = new Set(['name', 'size', 'layer']);

/** Files of a page, at most. */
const PAGE = 200;

/** What is in a folder, or what a search found below it. */
export function FilesTable({ place, shown, show }: { place: Place; shown: Shown; show: (next: Partial<Shown>) => void }) {
  const t = filesTexts.use();
  const frame = frameTexts.use();
  const layers = (useQuery(imageQuery(place)).data?.image?.layers ?? []).map((layer) => layer.digest);
  const source = useMarkerRows<ImageFile>({
    key: keyOf(place, 'files', shown.path, shown.text),
    read: async (marker) => {
      const page = await found(() => readFiles(place, shown.path, shown.text, PAGE, marker));
      return { rows: page.files, next: page.next_marker };
    },
  });
  const open = (file: ImageFile) => {
    if (file.kind === 'directory') show({ path: file.path, text: '' });
    else if (file.kind !== 'whiteout') show({ file: file.path });
  };
  const up = () => shown.path !== '' && show({ path: shown.path.split('/').slice(0, -1).join('/') });
  const empty =
    shown.text === '' ? (
      <Empty icon={FolderOpen} title={shown.path === '' ? t.emptyImage : t.empty}>
        {shown.path === '' && t.emptyImageHelp}
      </Empty>
    ) : (
      <Empty icon={FolderOpen} title={frame.nothingMatches} />
    );
  return (
    <DataTable
      label={t.filesLabel}
      source={source}
      columns={columns(t, layers, shown, open)}
      rowKey={(file) => `${file.path} ${file.kind}`}
      keys={{ ArrowRight: open, l: open, ArrowLeft: up, h: up, Backspace: up }}
      empty={empty}
    />
  );
}

function columns(t: FilesWords, layers: string[], shown: Shown, open: (file: ImageFile) => void): Column<ImageFile>[] {
  const all: Column<ImageFile>[] = [
    { key: 'name', label: t.column.name, cell: (file) => <Name file={file} shown={shown} open={open} /> },
    {
      key: 'size',
      label: t.column.size,
      align: 'end',
      width: 110,
      cell: (file) => (file.kind === 'whiteout' || file.kind === 'symlink' ? '–' : bytes(file.size)),
    },
    { key: 'mode', label: t.column.mode, width: 80, cell: (file) => <code>{file.mode}</code> },
    { key: 'owner', label: t.column.owner, width: 90, cell: (file) => <span className="tabular">{`${file.uid}:${file.gid}`}</span> },
    { key: 'modified', label: t.column.modified, width: 130, cell: (file) => <Moment time={file.modified} /> },
    { key: 'layer', label: t.column.layer, width: 80, cell: (file) => <LayerBadge digest={file.layer} layers={layers} /> },
  ];
  // Beside a preview there is room for what one chooses by.
  return shown.file === '' ? all : all.filter((column) => NARROW.has(column.key));
}

/** A file's name, which opens it. */
function Name({ file, shown, open }: { file: ImageFile; shown: Shown; open: (file: ImageFile) => void }) {
  const t = filesTexts.use();
  const Icon = ICONS[file.kind];
  const prefix = shown.path === '' ? 0 : shown.path.length + 1;
  const name = file.path.slice(prefix);
  const text = <span className={file.kind === 'whiteout' ? 'file-text file-gone' : 'file-text'}>{name}</span>;
  const icon = <Icon size={16} role="img" aria-label={t.kind[file.kind]} style={{ flex: 'none', opacity: 0.75 }} />;
  return (
    <Group gap={8} wrap="wrap">
      {file.kind === 'whiteout' ? (
        <span className="file-name" data-plain>
          {icon}
          {text}
        </span>
      ) : (
        <button type="button" className="file-name" onClick={() => open(file)} aria-pressed={file.kind === 'directory' ? undefined : shown.file === file.path}>
          {icon}
          {text}
        </button>
      )}
      {file.link != null && (
        <Text component="span" size="xs" c="dimmed" className="mono" style={{ overflowWrap: 'anywhere' }}>
          → {file.link}
        </Text>
      )}
      {file.kind === 'directory' && file.files > 0 && (
        <Text component="span" size="xs" c="dimmed">
          {t.inFolder(file.files)}
        </Text>
      )}
      {file.kind === 'whiteout' && (
        <Badge size="sm" variant="light" color="red" tt="none">
          {t.removed}
        </Badge>
      )}
      {file.opaque && (
        <Badge size="sm" variant="light" color="gray" tt="none">
          {t.opaque}
        </Badge>
      )}
    </Group>
  );
}
