import { Group, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { FormDialog } from '../../components/FormDialog';
import { done, failed } from '../../components/notify';
import { copyTags, type Target } from './api';
import { isTarget, TargetFields } from './TargetFields';
import { syncTexts } from './texts';

/** How many tags are named before the rest is counted. */
const SHOWN = 12;

/** Sends tags of an image to another region, once; no tags named means all of them. */
export function SyncDialog(props: { org: string; image: string; tags: string[]; opened: boolean; onClose: () => void }) {
  // Each opening is a form of its own.
  return props.opened ? <Form {...props} /> : null;
}

function Form({ org, image, tags, onClose }: { org: string; image: string; tags: string[]; onClose: () => void }) {
  const t = syncTexts.use().dialog;
  const queries = useQueryClient();
  const [to, setTo] = useState<Target>({ region: '', organization: org, override: false });
  const [told, setTold] = useState(false);
  const sent = useMutation({
    mutationFn: () => copyTags({ org, image }, to, tags),
    onSuccess: (missing) => {
      done(tags.length === 0 ? t.startedAll : t.started(tags.length - missing.length));
      if (missing.length > 0) failed(new Error(t.missing(missing.join(', '))));
      void queries.invalidateQueries({ queryKey: ['sync'] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.title}
      submit={t.submit}
      pending={sent.isPending}
      error={sent.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (isTarget(to)) sent.mutate();
      }}
    >
      <Text size="sm">{tags.length === 0 ? t.all : t.tags(tags.length)}</Text>
      {tags.length > 0 && (
        <Group gap={6}>
          {tags.slice(0, SHOWN).map((tag) => (
            <code key={tag}>{tag}</code>
          ))}
          {tags.length > SHOWN && (
            <Text size="sm" c="dimmed">
              {t.more(tags.length - SHOWN)}
            </Text>
          )}
        </Group>
      )}
      <TargetFields to={to} onChange={setTo} told={told} />
    </FormDialog>
  );
}
