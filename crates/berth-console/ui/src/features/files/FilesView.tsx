import { Group, Select, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { bytes } from '../../app/format';
import { Ask } from '../../components/Ask';
import { FilterInput } from '../../components/FilterInput';
import type { ContentViewProps } from '../image/panel';
import { imageQuery, keyOf, look, type FilesPage, type Place, readFiles, useLook } from './content';
import './files.css';
import { FilePane } from './FilePane';
import { FilesTable } from './FilesTable';
import { FolderPath } from './FolderPath';
import { Making } from './Making';
import { Remarks } from './Remarks';
import { filesTexts } from './texts';

/** What of the files is shown stands in the address. */
export interface Shown {
  /** The folder. */
  path: string;
  /** The file whose beginning is shown. */
  file: string;
  /** What the paths hold. */
  text: string;
  /** One layer alone. */
  layer: string | undefined;
}

/** The files of an image as whoever runs it sees them, or of one of its layers. */
export function FilesView({ org, image, reference, platform }: ContentViewProps) {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const word = (key: string) => (search[key] === undefined ? '' : String(search[key]));
  const shown: Shown = { path: word('path'), file: word('file'), text: word('text'), layer: word('layer') === '' ? undefined : word('layer') };
  const show = (next: Partial<Shown>) =>
    void navigate({
      to: '.',
      search: (old) => {
        const all = { ...old, ...next };
        return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '' && value !== undefined));
      },
      replace: next.text !== undefined,
      resetScroll: false,
    });
  const place: Place = { org, image, reference, platform, layer: shown.layer };
  const summary = useLook<FilesPage>(keyOf(place, 'summary'), () => look(readFiles(place, '', '', 1)));
  return (
    <Stack gap="md">
      <Bar place={place} shown={shown} show={show} />
      <Ask query={summary} rows={8}>
        {(answer) => (answer.pending !== null ? <Making pending={answer.pending} /> : <There place={place} sums={answer.found} shown={shown} show={show} />)}
      </Ask>
    </Stack>
  );
}

/** What to show: the image or a layer, and what to search. */
function Bar({ place, shown, show }: { place: Place; shown: Shown; show: (next: Partial<Shown>) => void }) {
  const t = filesTexts.use();
  const layers = useQuery(imageQuery(place)).data?.image?.layers ?? [];
  const options = layers.map((layer, index) => ({ value: layer.digest, label: t.layer(index + 1, bytes(layer.size)) }));
  // A layer may be in an image twice.
  const distinct = options.filter((option, index) => options.findIndex((other) => other.value === option.value) === index);
  return (
    <Group justify="space-between" align="flex-end" gap="sm">
      <Select
        label={t.layers}
        data={[{ value: '', label: t.whole }, ...distinct]}
        value={shown.layer ?? ''}
        onChange={(next) => show({ layer: next ?? '', path: '', file: '' })}
        allowDeselect={false}
        w={{ base: '100%', xs: 260 }}
      />
      <FilterInput value={shown.text} onChange={(text) => show({ text })} label={t.search} />
    </Group>
  );
}

function There({ place, sums, shown, show }: { place: Place; sums: FilesPage; shown: Shown; show: (next: Partial<Shown>) => void }) {
  const t = filesTexts.use();
  return (
    <>
      <Remarks remarks={sums.remarks} />
      <div className="files" data-preview={shown.file === '' ? undefined : true}>
        <section className="panel" aria-label={t.filesLabel}>
          <Stack className="panel-head" gap={4}>
            <FolderPath path={shown.path} open={(path) => show({ path, text: '' })} />
            <Text size="sm" c="dimmed" pb="xs">
              {t.sums(sums.total_files, bytes(sums.total_size))}
              {sums.hidden_size > 0 && `; ${t.hidden(bytes(sums.hidden_size))}`}
            </Text>
          </Stack>
          <FilesTable key={`${shown.path} ${shown.text} ${shown.layer ?? ''}`} place={place} shown={shown} show={show} />
        </section>
        {shown.file !== '' && <FilePane place={place} path={shown.file} show={show} />}
      </div>
    </>
  );
}
