import { Alert, Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/List.layer.css';
import { useMutation, useQueries } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { explain } from '../../app/errorTexts';
import { frameTexts } from '../../app/texts.frame';
import * as notify from '../../components/notify';
import { deleteTags, sameQuery, type TagRow, useTagsChanged, useTagsGone } from './tags';
import { tagTexts } from './texts';

/** How many names of a long list the question shows. */
const SHOWN = 12;
/** Of how many images the question asks which tags stay. */
const ASKED = 10;

/** Asks before tags go: which, which others with the same image stay, and which cannot go. */
export function DeleteTags({
  org,
  image,
  rows,
  onClose,
  onDone,
}: {
  org: string;
  image: string;
  rows: Pick<TagRow, 'tag' | 'digest' | 'immutable'>[];
  onClose: () => void;
  onDone: (gone: ReadonlySet<string>) => void;
}) {
  const t = tagTexts.use();
  const frame = frameTexts.use();
  const changed = useTagsChanged(org, image);
  const takeOut = useTagsGone(org, image);
  const [count, setCount] = useState(0);
  const going = rows.filter((row) => !row.immutable);
  const names = new Set(going.map((row) => row.tag));
  const digests = [...new Set(going.map((row) => row.digest))].slice(0, ASKED);
  const same = useQueries({ queries: digests.map((digest) => sameQuery(org, image, digest)) });
  const staying = same.flatMap((answer) => answer.data ?? []).map((row) => row.tag).filter((tag) => !names.has(tag));
  const asked = useMutation({
    mutationFn: async () => {
      const gone = new Set<string>();
      const failures = await deleteTags(org, image, [...names], (tag) => {
        gone.add(tag);
        setCount(gone.size);
      });
      return { gone, failures };
    },
    onSuccess: ({ gone, failures }) => {
      takeOut(gone);
      onDone(gone);
      changed();
      if (gone.size > 0) notify.done(t.gone(gone.size));
      if (failures.length === 0) onClose();
    },
  });
  const failures = asked.data?.failures ?? [];
  return (
    <Modal opened onClose={onClose} title={t.delete.title(going.length)} closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="sm">
        {failures.length > 0 && (
          <Alert color="red" variant="light" role="alert" title={frame.failed}>
            {failures.slice(0, SHOWN).map(({ tag, error }) => (
              <Text key={tag} size="sm">
                {t.delete.failed(tag, explain(error))}
              </Text>
            ))}
          </Alert>
        )}
        {failures.length === 0 && <Names label={t.delete.goes(going.length)} items={going.map((row) => row.tag)} />}
        <Names label={t.delete.stays} items={staying} />
        <Names label={t.delete.held} items={rows.filter((row) => row.immutable).map((row) => row.tag)} />
        <Text size="sm" c="dimmed">
          {t.delete.bin}
        </Text>
        <Group justify="flex-end" gap="xs">
          {asked.isPending && going.length > 1 && (
            <Text size="sm" role="status" mr="auto">
              {t.delete.progress(count, going.length)}
            </Text>
          )}
          <Button variant="default" onClick={onClose} data-autofocus>
            {failures.length > 0 ? frame.close : frame.cancel}
          </Button>
          {failures.length === 0 && (
            <Button color="red" loading={asked.isPending} disabled={going.length === 0} onClick={() => asked.mutate()}>
              {t.delete.confirm(going.length)}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function Names({ label, items }: { label: string; items: string[] }): ReactNode {
  const t = tagTexts.use();
  if (items.length === 0) return null;
  const rest = items.length - SHOWN;
  return (
    <div>
      <Text size="sm" fw={600}>
        {label}
      </Text>
      <List size="sm" style={{ overflowWrap: 'anywhere' }}>
        {items.slice(0, SHOWN).map((item) => (
          <List.Item key={item}>{item}</List.Item>
        ))}
        {rest > 0 && <List.Item>{t.delete.more(rest)}</List.Item>}
      </List>
    </div>
  );
}
