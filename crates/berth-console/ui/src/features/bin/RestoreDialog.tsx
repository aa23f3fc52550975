import { Alert, Checkbox, List, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/List.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { isImageName } from '../../app/names';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { type Entry, entryQuery, nameOf, restore } from './api';
import { binTexts } from './texts';

/** Restores an entry: what comes back, what is in the way, and for an image under which name. */
export function RestoreDialog({ entry, onClose }: { entry: Entry; onClose: () => void }) {
  const t = binTexts.use();
  const queries = useQueryClient();
  const detail = useQuery(entryQuery(entry.id));
  const [overwrite, setOverwrite] = useState(false);
  const [name, setName] = useState(entry.repository);
  const inTheWay = detail.data?.in_the_way ?? [];
  const ofImage = entry.kind === 'image';
  const restored = useMutation({
    mutationFn: () => restore(entry.id, { overwrite, ...(ofImage && name !== entry.repository ? { repository: name } : {}) }),
    onSuccess: async ({ already }) => {
      for (const key of ['bin', 'images', 'image', 'tags', 'tag']) void queries.invalidateQueries({ queryKey: [key] });
      notify.done(already ? t.already : t.restored(nameOf(entry)));
      onClose();
    },
  });
  const blocked = (inTheWay.length > 0 && !overwrite) || (ofImage && !isImageName(name)) || detail.data === undefined;
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.restoreTitle(nameOf(entry))}
      submit={t.restore}
      pending={restored.isPending}
      error={restored.error ?? detail.error}
      blocked={blocked}
      onSubmit={(event) => {
        event.preventDefault();
        restored.mutate();
      }}
    >
      <div>
        <Text size="sm" fw={600}>
          {t.comesBack}
        </Text>
        <Text size="sm">
          {ofImage ? t.comesImage : t.comesManifest}
          {entry.tags.length > 0 && `: ${entry.tags.join(', ')}`}
          {entry.tag_count > entry.tags.length && !ofImage && ` ${t.more(entry.tag_count - entry.tags.length)}`}
        </Text>
      </div>
      {ofImage && (
        <TextInput
          label={t.newName}
          description={t.newNameHelp}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={isImageName(name) ? undefined : t.badName}
          data-autofocus
        />
      )}
      {inTheWay.length > 0 && (
        <Alert color="yellow" variant="light" icon={<TriangleAlert size={18} aria-hidden />} title={t.inTheWay}>
          <List size="sm" mb="xs">
            {inTheWay.map(({ tag, digest }) => (
              <List.Item key={tag}>
                <code>{tag}</code> → <code>{digest.slice(0, 19)}</code>
              </List.Item>
            ))}
          </List>
          <Checkbox
            label={t.overwrite}
            description={t.overwriteNeeded}
            checked={overwrite}
            onChange={(event) => setOverwrite(event.currentTarget.checked)}
          />
        </Alert>
      )}
    </FormDialog>
  );
}
