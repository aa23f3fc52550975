import { Badge, Group, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { History } from 'lucide-react';
import { useState } from 'react';
import { moment } from '../../../app/format';
import { ActionButton } from '../../../components/ActionButton';
import { type Column, DataTable } from '../../../components/DataTable';
import { Digest } from '../../../components/Digest';
import { Empty } from '../../../components/Empty';
import { FormDialog } from '../../../components/FormDialog';
import { Moment } from '../../../components/Moment';
import * as notify from '../../../components/notify';
import { Panel } from '../../../components/Panel';
import { useMarkerRows } from '../../../components/rows';
import { allows, type Right } from '../../image/panel';
import { type HistoryEntry, readHistory, restore, type TagPlace } from '../queries';
import { useTagsChanged } from '../tags';
import { tagPageTexts, type TagPageWords } from '../texts.page';

/** Where a tag was, who moved it, and the way back. */
export function HistoryView({ place, right, now }: { place: TagPlace; right: Right; /** The digest that it names now. */ now: string | undefined }) {
  const t = tagPageTexts.use();
  const [chosen, setChosen] = useState<HistoryEntry>();
  const source = useMarkerRows({
    key: ['tag', place.org, place.image, place.tag, 'history'],
    read: (marker) => readHistory(place, marker),
  });
  const latest = source.at(0)?.id;
  const columns: Column<HistoryEntry>[] = [
    { key: 'at', label: t.history.when, cell: (row) => <Moment time={row.at} /> },
    { key: 'why', label: t.history.what, cell: (row) => why(row, t) },
    {
      key: 'digest',
      label: t.history.digest,
      cell: (row) => (
        <Group gap={8}>
          {row.digest == null ? <Text c="dimmed">{t.history.gone}</Text> : <Digest digest={row.digest} />}
          {row.id === latest && now !== undefined && (
            <Badge variant="light" tt="none">
              {t.history.current}
            </Badge>
          )}
        </Group>
      ),
    },
    { key: 'by', label: t.history.by, cell: (row) => row.user_name ?? <Text c="dimmed">{t.history.registry}</Text> },
    {
      key: 'restore',
      label: '',
      align: 'end',
      cell: (row) =>
        row.digest != null && row.digest !== now && allows(right, 'write') ? (
          <ActionButton size="compact-xs" variant="default" reason={row.restorable ? undefined : t.history.lost} onClick={() => setChosen(row)}>
            {t.history.restore}
          </ActionButton>
        ) : null,
    },
  ];
  return (
    <Panel flush>
      <DataTable
        label={t.history.title(place.tag)}
        source={source}
        columns={columns}
        rowKey={(row) => String(row.id)}
        empty={<Empty icon={History} title={t.history.empty} />}
      />
      {chosen?.digest != null && <Restore place={place} now={now} digest={chosen.digest} at={chosen.at} onClose={() => setChosen(undefined)} />}
    </Panel>
  );
}

function why(row: HistoryEntry, t: TagPageWords): string {
  const words: Record<string, string> = t.history.why;
  return words[row.why] ?? row.why;
}

function Restore({ place, now, digest, at, onClose }: { place: TagPlace; now: string | undefined; digest: string; at: string; onClose: () => void }) {
  const t = tagPageTexts.use();
  const changed = useTagsChanged(place.org, place.image);
  const asked = useMutation({
    mutationFn: () => restore(place, digest),
    onSuccess: () => {
      changed();
      notify.done(t.history.done(place.tag));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.history.ask(place.tag)}
      submit={t.history.restore}
      pending={asked.isPending}
      error={asked.error}
      onSubmit={(event) => {
        event.preventDefault();
        asked.mutate();
      }}
    >
      <Text size="sm">{t.history.askHelp(place.tag)}</Text>
      <dl className="properties">
        <dt>{t.history.now}</dt>
        <dd>{now === undefined ? t.history.gone : <Digest digest={now} />}</dd>
        <dt>{t.history.afterwards}</dt>
        <dd>
          <Digest digest={digest} />
          <Text size="xs" c="dimmed">
            {moment(at)}
          </Text>
        </dd>
      </dl>
    </FormDialog>
  );
}
